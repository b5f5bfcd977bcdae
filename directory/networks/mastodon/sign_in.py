"""Signs in with any server that has the Mastodon API: https://docs.joinmastodon.org/spec/oauth/"""

from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Self
from urllib.parse import urlencode, urlsplit

import msgspec

from directory.accounts import MastodonAccount, TargetAccount
from directory.errors import InvalidIdentifier
from directory.identifiers import Acct, ActorUri, TargetHandle, TargetId
from directory.networks.http import GuardedClient
from directory.networks.mastodon.accounts import verify_credentials
from directory.networks.mastodon.apps import App, Apps, client_fields
from directory.networks.mastodon.identity import (
    find_page,
    resolve_acct,
    resolve_actor,
    resolve_page,
    resolve_signed_in,
)
from directory.networks.mastodon.moved import moved_to, names_back
from directory.networks.mastodon.names import Host, parse_typed
from directory.networks.mastodon.servers import Server, find_server, may_arrange, may_follow
from directory.networks.mastodon.tokens import TokenAnswer, TokenEndpoint, UnknownApp, token_set
from directory.networks.oauth import Expected, Returned, challenge, new_secret, within_time
from directory.networks.port import (
    AppBinding,
    Grants,
    Purpose,
    Revocation,
    SignInDone,
    SignInStart,
    TokenSet,
)
from directory.networks.sign_in_errors import (
    HandleMismatch,
    IdentityMismatch,
    IssuerMismatch,
    NeedsSignIn,
    ServerMisbehaved,
    SignInError,
    StateMismatch,
)

_NOT_HERE = "it is not an account on a Mastodon-like server"


class _Record(msgspec.Struct, frozen=True, tag="mastodon"):
    """The record of a sign-in, kept while the browser is at the server. Secret."""

    expected: Expected
    server: Server
    app: App
    verifier: str | None
    named: str | None
    """The account that the person typed; None where they typed a server."""

    @classmethod
    def from_bytes(cls, record: bytes) -> Self:
        """Decodes a record. Raises StateMismatch."""
        try:
            return msgspec.json.decode(record, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise StateMismatch("", "the record of the sign-in cannot be read") from None


def redirect_uri_for(base: str, host: str) -> str:
    """Makes the redirect address for the sign-ins of one server.

    Most servers do not name themselves when they redirect, so each has an address of its own: a code
    from one server is not taken for another's (RFC 9700, 4.4.2.2).
    """
    return f"{base.rstrip('/')}/{host}"


class MastodonSignIn:
    """The port's `SignIn` for servers with the Mastodon API. The browser returns to `<redirect_uri>/<host>`."""

    def __init__(self, http: GuardedClient, apps: Apps, grants: Grants) -> None:
        self._http = http
        self._apps = apps
        self._grants = grants
        self._tokens = TokenEndpoint(http)

    async def start_sign_in(
        self,
        account: str,
        *,
        purpose: Purpose,
        redirect_uri: str,
        now: datetime,
        expected: TargetId | None = None,
    ) -> SignInStart:
        """Starts a sign-in. `account` is `user@host`, the address of a profile, or a server's name or address."""
        named = parse_typed(account)
        async with within_time():
            server = await find_server(self._http, named)
            way_back = redirect_uri_for(redirect_uri, server.host)
            app = await self._apps.app_for(server.host, server.scope(purpose), way_back, now)
        awaited = Expected.of(way_back, purpose, now, str(expected) if expected is not None else None)
        typed = None if isinstance(named, Host) else str(named)
        record = _Record(awaited, server, app, new_secret() if server.has_pkce else None, typed)
        url = f"https://{server.host}/oauth/authorize?{urlencode(_authorization(record))}"
        return SignInStart(url, awaited.state, msgspec.json.encode(record), awaited.expires)

    async def finish_sign_in(self, record: bytes, returned_to: str, now: datetime) -> SignInDone:
        """Exchanges the code, and asks the home server for the account."""
        kept = _Record.from_bytes(record)
        returned = Returned.parse(returned_to)
        returned.check(kept.expected, now)
        _check_issuer(kept.server, returned)
        code = await self._code(kept, returned, now)
        async with within_time():
            tokens = await self._exchange(kept, code, now)
            await self._note_grant(kept, now, tokens)
            account, page, moved_to = await self._check(kept, tokens)
            instead_of = None if await self._is_named(kept.named, account) else kept.named
        held = _token_set(kept, now, tokens, str(account.actor))
        purpose = kept.expected.purpose
        is_granted = (may_arrange if purpose is Purpose.ARRANGE else may_follow)(held.scope)
        software = kept.server.software
        return SignInDone(account, purpose, is_granted, held, instead_of, moved_to, page, software)

    async def refresh(self, tokens: TokenSet, now: datetime) -> TokenSet:
        """Renews tokens, on servers where they expire. Raises NeedsSignIn for those that cannot be renewed."""
        binding = _app(tokens)
        if tokens.refresh is None:
            raise NeedsSignIn(tokens.server, "the server renews no tokens")
        form = {
            "grant_type": "refresh_token",
            "refresh_token": tokens.refresh,
            **client_fields(tokens.client_id, binding.client_secret),
        }
        try:
            async with within_time():
                renewed = await self._tokens.grant(tokens.server, form)
        except UnknownApp as error:
            await self._apps.doubt(tokens.server, tokens.client_id, now)
            raise NeedsSignIn(tokens.server, error.why) from error
        return token_set(
            renewed,
            account_id=tokens.account_id,
            host=tokens.server,
            client_id=tokens.client_id,
            client_secret=binding.client_secret,
            asked_scope=tokens.scope,
            now=now,
        )

    async def revoke(self, tokens: TokenSet, now: datetime) -> Revocation:
        """Revokes the access that the person gave."""
        binding = _app(tokens)
        note_unknown = partial(self._apps.doubt, tokens.server, tokens.client_id, now)
        async with within_time():
            return await self._tokens.revoke(
                tokens.server, tokens.client_id, binding.client_secret, tokens.access, note_unknown
            )

    async def resolve_handle(self, handle: TargetHandle) -> ActorUri:
        """Resolves an address to the account that has it."""
        if not isinstance(handle, Acct):
            raise InvalidIdentifier("an account address", str(handle), _NOT_HERE)
        async with within_time():
            found = await resolve_acct(self._http, handle)
        if found.acct.key != handle.key:
            raise HandleMismatch(handle.host, "the account goes by another address")
        return found.actor

    async def current_account(self, account: TargetAccount) -> MastodonAccount:
        """Returns the account with the address that its host gives it now."""
        if not isinstance(account, MastodonAccount):
            raise InvalidIdentifier("an actor address", str(account.id), _NOT_HERE)
        async with within_time():
            return await resolve_actor(self._http, account.actor, account.acct)

    async def find_page(self, account: MastodonAccount) -> str | None:
        """Returns the address of an account's profile, as its server tells it; None where that may not be one."""
        async with within_time():
            return await find_page(self._http, account)

    async def moved_to(self, here: MastodonAccount) -> MastodonAccount | None:
        """Returns the account that another moved to, by the word of its own server; None where it did not move.

        Raises NotForStrangers, and SignInError where no server can tell now.
        """
        async with within_time():
            return await moved_to(self._http, here)

    async def confirms_move(self, there: MastodonAccount, here: MastodonAccount) -> bool:
        """Returns whether an account names the one that moved to it as its own too. Raises as `moved_to`."""
        async with within_time():
            return await names_back(self._http, there, str(here.actor))

    async def _code(self, kept: _Record, returned: Returned, now: datetime) -> str:
        """Returns the code. An error other than the person's own no can be about the app."""
        try:
            return returned.code(kept.server.host)
        except ServerMisbehaved:
            await self._apps.doubt(kept.app.host, kept.app.client_id, now)
            raise

    async def _note_grant(self, kept: _Record, now: datetime, tokens: TokenAnswer) -> None:
        """Has a token revoked unless it is kept. Never at once: the server may give one that somebody keeps."""
        await self._grants.note_grant(_token_set(kept, now, tokens), kept.expected.purpose)

    async def _exchange(self, kept: _Record, code: str, now: datetime) -> TokenAnswer:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": kept.expected.redirect_uri,
            "scope": kept.app.scope,
            **client_fields(kept.app.client_id, kept.app.client_secret),
        }
        if kept.verifier is not None:
            form["code_verifier"] = kept.verifier
        # Before the real code: this also exposes a server that checks no code, but takes one only.
        await self._tokens.require_checked_codes(kept.server.host, form, partial(self._note_grant, kept, now))
        try:
            tokens = await self._tokens.exchange(kept.server.host, form)
        except UnknownApp:
            await self._apps.doubt(kept.app.host, kept.app.client_id, now)
            raise
        await self._apps.note_return(kept.app)
        return tokens

    async def _check(
        self, kept: _Record, tokens: TokenAnswer
    ) -> tuple[MastodonAccount, str | None, Acct | None]:
        """Returns who signed in, their profile page, and where they moved to."""
        host = kept.server.host
        try:
            who = await verify_credentials(self._http, host, tokens.access_token)
        except NeedsSignIn:
            raise ServerMisbehaved(host, "does not take the token that it gave") from None
        account, page = await resolve_signed_in(self._http, host, who)
        if kept.expected.account_id not in {None, str(account.actor)}:
            raise IdentityMismatch(host, "somebody else signed in than was expected")
        return account, page, who.moved_acct(account.acct)

    async def _is_named(self, named: str | None, account: MastodonAccount) -> bool:
        """Returns whether the typed name leads to the account. One that leads nowhere now does not."""
        if named is None:
            return True
        typed = parse_typed(named)
        if typed == account.actor or (isinstance(typed, Acct) and typed.key == account.acct.key):
            return True
        with suppress(SignInError):
            if isinstance(typed, Acct):
                return (await resolve_acct(self._http, typed)).actor == account.actor
            if isinstance(typed, ActorUri):
                return (await resolve_page(self._http, typed)).actor == account.actor
        return False


def _token_set(kept: _Record, now: datetime, tokens: TokenAnswer, account_id: str = "") -> TokenSet:
    return token_set(
        tokens,
        account_id=account_id,
        host=kept.server.host,
        client_id=kept.app.client_id,
        client_secret=kept.app.client_secret,
        asked_scope=kept.app.scope,
        now=now,
    )


def _authorization(record: _Record) -> dict[str, str]:
    query = {
        "response_type": "code",
        "client_id": record.app.client_id,
        "redirect_uri": record.expected.redirect_uri,
        "scope": record.app.scope,
        "state": record.expected.state,
    }
    if record.verifier is not None:
        query |= {"code_challenge": challenge(record.verifier), "code_challenge_method": "S256"}
    return query


def _check_issuer(server: Server, returned: Returned) -> None:
    """Checks the issuer of servers that name themselves (RFC 9207). Raises IssuerMismatch."""
    issuer = returned.fields.get("iss")
    if issuer is None and not server.names_issuer:
        return
    try:
        host = urlsplit(issuer or "").hostname
    except ValueError:
        host = None
    if host != server.host:
        raise IssuerMismatch(server.host, "the browser comes from another server than it was sent to")


def _app(tokens: TokenSet) -> AppBinding:
    if not isinstance(tokens.binding, AppBinding):
        raise NeedsSignIn(tokens.server, "the tokens are not of this network")
    return tokens.binding
