"""Signs in with Bluesky, at any server of the AT Protocol: https://atproto.com/specs/oauth."""

from contextlib import suppress
from datetime import datetime
from typing import Self

import msgspec

from directory.accounts import BlueskyAccount, TargetAccount
from directory.errors import InvalidIdentifier
from directory.identifiers import NO_HANDLE, AtHandle, Did, TargetHandle, TargetId
from directory.networks.bluesky.client import SCOPES, OAuthClient, may_arrange, may_follow
from directory.networks.bluesky.did import DidDocument
from directory.networks.bluesky.dpop import SigningKey
from directory.networks.bluesky.identity import Identities
from directory.networks.bluesky.names import handle_of_site, parse_typed
from directory.networks.bluesky.pushed import Push, push
from directory.networks.bluesky.requests import DpopRequests
from directory.networks.bluesky.servers import AuthorizationServer, Servers
from directory.networks.bluesky.tokens import TokenAnswer, account_of, read_tokens, token_set
from directory.networks.oauth import Expected, Returned, new_secret, within_time
from directory.networks.port import (
    DpopBinding,
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
    OurselvesBusy,
    ServerMisbehaved,
    ServerUnreachable,
    SignInError,
    SignInExpired,
    StateMismatch,
)

_NOT_HERE = "it is not an account of Bluesky's network"


class _Record(msgspec.Struct, frozen=True, tag="bluesky"):
    """The record of a sign-in, kept while the browser is at the server. Secret."""

    expected: Expected
    issuer: str
    verifier: str
    key: str
    key_id: str | None
    client_id: str
    named: str | None
    named_did: str | None
    """What the person typed, and the account it leads to; None where they typed a server."""

    @classmethod
    def from_bytes(cls, record: bytes) -> Self:
        """Decodes a record. Raises StateMismatch."""
        try:
            return msgspec.json.decode(record, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise StateMismatch("", "the record of the sign-in cannot be read") from None


class BlueskySignIn:
    """The port's `SignIn` for Bluesky's network. `allow_loopback` must be the same as the client's."""

    def __init__(  # noqa: PLR0913 - the parts of a sign-in, named one by one in the wiring
        self,
        identities: Identities,
        servers: Servers,
        requests: DpopRequests,
        client: OAuthClient,
        grants: Grants,
        *,
        allow_loopback: bool = False,
    ) -> None:
        self._identities = identities
        self._servers = servers
        self._requests = requests
        self._client = client
        self._grants = grants
        self._allow_loopback = allow_loopback

    async def start_sign_in(
        self,
        account: str,
        *,
        purpose: Purpose,
        redirect_uri: str,
        now: datetime,
        expected: TargetId | None = None,
    ) -> SignInStart:
        """Starts a sign-in. `account` is a handle, a DID, a profile page, or the https address of an account's
        server."""
        asked = parse_typed(account, allow_loopback=self._allow_loopback)
        async with within_time():
            named, document, server = await self._find(asked)
            if expected is not None and document is not None and document.did != expected:
                raise IdentityMismatch("", "another account was named than the one that will do")
            awaited = Expected.of(redirect_uri, purpose, now, str(expected) if expected is not None else None)
            wanted = Push(
                server=server,
                client=self._client,
                client_id=self._client.client_id(redirect_uri),
                key=SigningKey.generate(),
                verifier=new_secret(),
                expected=awaited,
                # As the person wrote it: they may not know their own DID.
                login_hint=named,
                now=now,
            )
            authorize_url = await push(self._requests, wanted, SCOPES[purpose])
        record = _Record(
            awaited,
            server.issuer,
            wanted.verifier,
            wanted.key.to_json(),
            self._client.key_id,
            wanted.client_id,
            named,
            str(document.did) if document is not None else None,
        )
        return SignInStart(authorize_url, awaited.state, msgspec.json.encode(record), awaited.expires)

    async def finish_sign_in(self, record: bytes, returned_to: str, now: datetime) -> SignInDone:
        """Exchanges the code, and checks the result: the account itself has to name the server that signed it in.

        Another account than the named one is told (`SignInDone.instead_of`), not refused; so is one that no handle leads
        to (`SignInDone.nameless`).
        """
        kept = _Record.from_bytes(record)
        returned = Returned.parse(returned_to)
        returned.check(kept.expected, now)
        # RFC 9207: the code of one server must not be taken to another.
        if returned.fields.get("iss") != kept.issuer:
            raise IssuerMismatch("", "the browser comes from another server than it was sent to")
        code = returned.code(kept.issuer)
        async with within_time():
            server = await self._servers.describe(kept.issuer)
            tokens = await self._exchange(kept, server, code, now)
            held = self._token_set(kept, tokens, now)
            await self._grants.note_grant(held, kept.expected.purpose)
            account, nameless = await self._name(await self._check(kept, tokens))
        instead_of = kept.named if kept.named_did not in {None, str(account.did)} else None
        purpose = kept.expected.purpose
        is_granted = (may_arrange if purpose is Purpose.ARRANGE else may_follow)(tokens.scope)
        return SignInDone(account, purpose, is_granted, held, instead_of, nameless=nameless)

    async def refresh(self, tokens: TokenSet, now: datetime) -> TokenSet:
        """Renews tokens. Raises NeedsSignIn also where the account has moved: its former server may not sign it in."""
        binding, did = _dpop(tokens), Did.parse(tokens.account_id)
        if tokens.refresh is None:
            raise NeedsSignIn(tokens.server, "the session cannot be renewed")
        fields = {"grant_type": "refresh_token", "refresh_token": tokens.refresh}
        async with within_time():
            document = await self._identities.document(did)
            if await self._servers.issuer_for(document.pds) != tokens.server:
                raise NeedsSignIn(tokens.server, "the account has moved to another server")
            server = await self._servers.describe(tokens.server)
            answer = await self._requests.post_form(
                server.token_endpoint,
                lambda: {**self._credentials(tokens, binding, now), **fields},
                SigningKey.from_json(binding.key),
                now,
            )
        renewed = read_tokens(answer)
        if account_of(renewed, tokens.server) != did:
            raise ServerMisbehaved(tokens.server, "the renewed tokens are for another account")
        return token_set(renewed, tokens.server, tokens.client_id, binding, now)

    async def revoke(self, tokens: TokenSet, now: datetime) -> Revocation:
        """Revokes the refresh token, which ends the session (RFC 7009); the access token where there is no other."""
        binding = _dpop(tokens)
        fields = {"token": tokens.refresh or tokens.access}
        async with within_time():
            server = await self._servers.describe(tokens.server)
            if server.revocation_endpoint is None:
                return Revocation.NOT_OFFERED
            answer = await self._requests.post_form(
                server.revocation_endpoint,
                lambda: {**self._credentials(tokens, binding, now), **fields},
                SigningKey.from_json(binding.key),
                now,
            )
        if answer.status not in {200, 204}:
            raise ServerMisbehaved(answer.host, f"answered a revocation with status {answer.status}")
        return Revocation.REVOKED

    async def resolve_handle(self, handle: TargetHandle) -> Did:
        """Resolves a handle to the account that claims it."""
        if not isinstance(handle, AtHandle):
            raise InvalidIdentifier("a Bluesky handle", str(handle), _NOT_HERE)
        async with within_time():
            return (await self._identities.by_handle(handle)).did

    async def current_account(self, account: TargetAccount) -> BlueskyAccount:
        """Returns the account with the handle in its DID document; with `NO_HANDLE` where that does not lead back and the
        account's server has the account. Raises HandleMismatch where it has not: then it is gone."""
        if not isinstance(account, BlueskyAccount):
            raise InvalidIdentifier("a DID", str(account.id), _NOT_HERE)
        async with within_time():
            document = await self._identities.document(account.did)
            try:
                return BlueskyAccount(account.did, await self._identities.handle_of(document))
            except HandleMismatch:
                if not await self._servers.has_account(document):
                    raise
        return BlueskyAccount(account.did, NO_HANDLE)

    async def _find(
        self, asked: Did | AtHandle | str
    ) -> tuple[str | None, DidDocument | None, AuthorizationServer]:
        """Returns what names the account, its document, and its server; a server alone for a server's address."""
        if isinstance(asked, str):
            try:
                return None, None, await self._servers.find(asked)
            except OurselvesBusy:
                raise
            except SignInError:
                handle = handle_of_site(asked)
                if handle is None:
                    raise
                with suppress(SignInError):
                    return await self._find(handle)
                raise
        if isinstance(asked, AtHandle):
            document = await self._identities.by_handle(asked)
        else:
            document = await self._identities.document(asked)
        server = await self._servers.describe(await self._servers.issuer_for(document.pds))
        return str(asked), document, server

    async def _exchange(
        self, kept: _Record, server: AuthorizationServer, code: str, now: datetime
    ) -> TokenAnswer:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": kept.expected.redirect_uri,
            "code_verifier": kept.verifier,
        }
        answer = await self._requests.post_form(
            server.token_endpoint,
            lambda: {**self._client.credentials(kept.client_id, kept.issuer, kept.key_id, now), **fields},
            SigningKey.from_json(kept.key),
            now,
        )
        return read_tokens(answer, spent=SignInExpired)

    async def _check(self, kept: _Record, tokens: TokenAnswer) -> DidDocument:
        """Returns the document of who signed in. A server is believed only for accounts that name it as theirs."""
        did = account_of(tokens, kept.issuer)
        if kept.expected.account_id not in {None, str(did)}:
            raise IdentityMismatch(kept.issuer, "somebody else signed in than was expected")
        document = await self._identities.document(did)
        if await self._servers.issuer_for(document.pds) != kept.issuer:
            raise IssuerMismatch(kept.issuer, "the server signed in an account of another server")
        return document

    async def _name(self, document: DidDocument) -> tuple[BlueskyAccount, SignInError | None]:
        """Returns the account under its handle; under `NO_HANDLE`, and why, where that was not seen to lead back. Raises
        OurselvesBusy: nobody was asked, which says nothing of it."""
        try:
            return BlueskyAccount(document.did, await self._identities.handle_of(document)), None
        except OurselvesBusy:
            raise
        except (HandleMismatch, ServerUnreachable) as error:
            return BlueskyAccount(document.did, NO_HANDLE), error

    def _token_set(self, kept: _Record, tokens: TokenAnswer, now: datetime) -> TokenSet:
        return token_set(tokens, kept.issuer, kept.client_id, DpopBinding(kept.key, kept.key_id), now)

    def _credentials(self, tokens: TokenSet, binding: DpopBinding, now: datetime) -> dict[str, str]:
        return self._client.credentials(tokens.client_id, tokens.server, binding.client_key_id, now)


def _dpop(tokens: TokenSet) -> DpopBinding:
    if not isinstance(tokens.binding, DpopBinding):
        raise NeedsSignIn(tokens.server, "the tokens are not of this network")
    return tokens.binding
