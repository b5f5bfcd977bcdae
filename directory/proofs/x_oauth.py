"""Proves an X account by a sign-in at X: OAuth 2 with PKCE, only where the operator has a key.

X charges for each request to `/2/users/me` and gives a token that lives two hours. Only the person's account is
needed, so it is fetched once, and the token is revoked at once: nothing is kept, and a re-check needs another
sign-in. https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code

As for every sign-in (`directory.networks.port`), the caller keeps the record sealed, tied to one browser session, and
deletes it when the browser comes back.
"""

import base64
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final, Protocol, Self
from urllib.parse import quote, urlencode, urlsplit

import msgspec
import structlog

from directory.accounts import XAccount
from directory.clock import Clock
from directory.errors import InvalidIdentifier
from directory.identifiers import XHandle, XId
from directory.mappings import Evidence, EvidenceKind
from directory.networks.answers import Answer
from directory.networks.errors import NetworkError
from directory.networks.limits import Limits
from directory.networks.oauth import Expected, Returned, challenge, new_secret, within_time
from directory.networks.port import Purpose, SignInStart
from directory.networks.sign_in_errors import (
    IdentityMismatch,
    ServerMisbehaved,
    ServerUnreachable,
    SignInExpired,
    is_temporary,
    network_errors,
)
from directory.proofs.sources.port import OK, read_json

AUTHORIZE_BASE: Final = "https://x.com"
API_BASE: Final = "https://api.x.com"
SCOPES: Final = "users.read tweet.read"
"""X grants users.read only together with tweet.read."""
OAUTH_LIMITS: Final = Limits(max_body_bytes=64 * 1024)

_PAYMENT_REQUIRED: Final = 402
"""The answer of X once the operator's credits are used up."""

log = structlog.get_logger(__name__)


class XKey(msgspec.Struct, frozen=True):
    """The operator's key at X. `client_secret` is None for a public client."""

    client_id: str
    client_secret: str | None = None
    authorize_base: str = AUTHORIZE_BASE
    api_base: str = API_BASE

    def __repr__(self) -> str:
        return f"XKey({self.client_id!r})"


class XSignedIn(msgspec.Struct, frozen=True):
    """A proven X account. `is_revoked` is whether X confirmed that it revoked the token."""

    account: XAccount
    evidence: Evidence
    is_revoked: bool


class Client(Protocol):
    """The part of `GuardedClient` that is used here. Raises NetworkError and nothing else."""

    async def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, limits: Limits | None = None
    ) -> Answer: ...

    async def post(
        self,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> Answer: ...


class _Record(msgspec.Struct, frozen=True):
    """What is kept until the browser comes back."""

    expected: Expected
    verifier: str
    names: tuple[str, ...] = ()

    @classmethod
    def from_bytes(cls, kept: bytes) -> Self:
        """Reads a kept record. Raises SignInExpired where it cannot be read."""
        try:
            return msgspec.json.decode(kept, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise SignInExpired("", "the record of the sign-in cannot be read") from None


class _Token(msgspec.Struct):
    access_token: str
    token_type: str


class _User(msgspec.Struct):
    id: str
    username: str


class _Me(msgspec.Struct):
    data: _User


class _OAuthError(msgspec.Struct):
    error: str = ""


class XSignIn:
    """Sign-in with X. Built once, where the operator has a key. Raises SignInError and nothing else."""

    def __init__(self, client: Client, key: XKey, clock: Clock) -> None:
        self._client = client
        self._key = key
        self._clock = clock
        self._host = urlsplit(key.api_base).hostname or ""

    def start(
        self, redirect_uri: str, expected: XId | None = None, *, names: Collection[str] = ()
    ) -> SignInStart:
        """Starts a sign-in: where to send the browser. `expected` is the only account accepted; None accepts any.

        `names` are the ids of the accounts that the person was shown, and agreed to prove this X account for. Without
        any, the sign-in tells who they are, and proves nothing that could be published.
        """
        account_id = None if expected is None else str(expected)
        awaited = Expected.of(redirect_uri, Purpose.PROVE, self._clock.now(), account_id)
        verifier = new_secret()
        query = {
            "response_type": "code",
            "client_id": self._key.client_id,
            "redirect_uri": redirect_uri,
            "scope": SCOPES,
            "state": awaited.state,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
        }
        return SignInStart(
            authorize_url=f"{self._key.authorize_base}/i/oauth2/authorize?{urlencode(query, quote_via=quote)}",
            state=awaited.state,
            record=msgspec.json.encode(_Record(awaited, verifier, tuple(sorted(names)))),
            expires=awaited.expires,
        )

    async def finish(self, record: bytes, callback_url: str) -> XSignedIn:
        """Finishes a sign-in: fetches the account. `callback_url` is the whole address that the browser came back to.

        The token is revoked before this returns or raises. Where X does not answer the revocation, the token expires
        after two hours.
        """
        kept = _Record.from_bytes(record)
        returned = Returned.parse(callback_url)
        returned.check(kept.expected, self._clock.now())
        code = returned.code(self._host)
        async with within_time():
            token = await self._exchange(code, kept)
            is_revoked = False
            try:
                user = await self._who(token)
            finally:
                is_revoked = await self._revoke(token)
        return _signed_in(self._host, user, kept, self._clock.now(), is_revoked=is_revoked)

    async def _exchange(self, code: str, kept: _Record) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": kept.expected.redirect_uri,
            "code_verifier": kept.verifier,
        }
        with network_errors(self._host):
            answer = await self._post("/2/oauth2/token", form)
        if answer.status != OK:
            raise self._refusal_of_code(answer)
        token = read_json(answer.body, _Token)
        if token is None or token.token_type.lower() != "bearer" or not _is_token(token.access_token):
            raise ServerMisbehaved(self._host, "the answer holds no token")
        return token.access_token

    def _refusal_of_code(self, answer: Answer) -> SignInExpired | ServerUnreachable | ServerMisbehaved:
        if is_temporary(answer.status):
            return ServerUnreachable(self._host, f"answered with status {answer.status}")
        refused = read_json(answer.body, _OAuthError)
        if (
            answer.status == 400
            and refused is not None
            and refused.error in {"invalid_grant", "invalid_request"}
        ):
            # X also answers invalid_request for a code that was used or is too old.
            return SignInExpired(self._host, "the code is used or too old")
        return ServerMisbehaved(self._host, f"answered with status {answer.status}")

    async def _who(self, token: str) -> _User:
        with network_errors(self._host):
            answer = await self._client.get(
                f"{self._key.api_base}/2/users/me",
                headers={"authorization": f"Bearer {token}", "accept": "application/json"},
                limits=OAUTH_LIMITS,
            )
        if answer.status == _PAYMENT_REQUIRED:
            log.warning("the key at X has no credits left: nobody can sign in with X until you buy some")
        if answer.status != OK:
            is_later = is_temporary(answer.status) or answer.status == _PAYMENT_REQUIRED
            error = ServerUnreachable if is_later else ServerMisbehaved
            raise error(self._host, f"answered with status {answer.status}")
        me = read_json(answer.body, _Me)
        if me is None:
            raise ServerMisbehaved(self._host, "the answer names no account")
        return me.data

    async def _revoke(self, token: str) -> bool:
        """Revokes a token (RFC 7009). Returns whether X confirmed it."""
        try:
            answer = await self._post("/2/oauth2/revoke", {"token": token, "token_type_hint": "access_token"})
        except NetworkError:
            return False
        return answer.status == OK

    async def _post(self, path: str, form: dict[str, str]) -> Answer:
        """Posts a form. Confidential clients authenticate by Basic, public ones send their id in the form."""
        headers = {"accept": "application/json"}
        if self._key.client_secret is None:
            form = form | {"client_id": self._key.client_id}
        else:
            pair = f"{quote(self._key.client_id, safe='')}:{quote(self._key.client_secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return await self._client.post(
            f"{self._key.api_base}{path}", form=form, headers=headers, limits=OAUTH_LIMITS
        )


def _is_token(text: str) -> bool:
    """Whether a text can be sent as a token in a header (RFC 6750, 2.1)."""
    return 0 < len(text) <= 4_096 and text.isascii() and text.isprintable() and " " not in text


def _signed_in(host: str, user: _User, kept: _Record, now: datetime, *, is_revoked: bool) -> XSignedIn:
    try:
        x_id, handle = XId.parse(user.id), XHandle.parse(user.username)
    except InvalidIdentifier:
        raise ServerMisbehaved(host, "the answer names no account") from None
    if kept.expected.account_id is not None and str(x_id) != kept.expected.account_id:
        raise IdentityMismatch(host, "another account signed in than was expected")
    ref = f"https://x.com/i/user/{x_id}"
    evidence = Evidence(kind=EvidenceKind.X_OAUTH, at=now, ref=ref, names=kept.names)
    return XSignedIn(XAccount(x_id, handle), evidence, is_revoked)
