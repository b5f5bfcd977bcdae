"""Gets, renews and revokes tokens of the Mastodon API: https://docs.joinmastodon.org/methods/oauth/"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import msgspec

from directory.mappings import Network
from directory.networks.answers import Answer
from directory.networks.errors import NetworkError
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.networks.mastodon.accounts import is_of_the_server, verify_credentials
from directory.networks.mastodon.apps import UNKNOWN_CLIENT, client_fields, error_of
from directory.networks.oauth import new_secret
from directory.networks.port import AppBinding, Revocation, TokenSet
from directory.networks.sign_in_errors import (
    CodesUnchecked,
    NeedsSignIn,
    ServerMisbehaved,
    ServerUnreachable,
    SignInError,
    SignInExpired,
    is_temporary,
    network_errors,
)

TOKEN_LIMITS: Final = Limits(total_s=20.0, max_body_bytes=64 * 1024)
MAX_TOKEN_CHARS: Final = 8_192
MAX_SCOPE_CHARS: Final = 1_024
MAX_LIFETIME_S: Final = 10 * 366 * 24 * 3_600
# Any of these can mean that the grant is spent.
_SPENT: Final = frozenset({400, 401, 403})
WRONG_GRANT: Final = "invalid_grant"
"""Of a server that knows our app (RFC 6749, 5.2). Others have one error for both, or none: GoToSocial, Takahē, Pleroma."""
_BROKEN: Final = 500
_NO_SUCH_CODE: Final = _SPENT | {_BROKEN}
"""Takahē answers 500 to a code that never was."""
_NO_SUCH_THING: Final = frozenset({404, 405, 501})


class TokenAnswer(msgspec.Struct, frozen=True):
    """A successful answer. Mastodon's tokens do not expire, and its answer has no `expires_in`."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - a kind of token
    scope: str | None = None
    refresh_token: str | None = None
    expires_in: float | None = None

    def __repr__(self) -> str:
        return f"TokenAnswer({self.scope!r})"


class UnknownApp(SignInExpired):
    """The server no longer knows our app, nor any grant to it; or it does not say which of the two it refused."""


NoteGrant = Callable[[TokenAnswer], Awaitable[None]]
NoteUnknown = Callable[[], Awaitable[None]]


class TokenEndpoint:
    """The token endpoint of servers: grants, renewals, revocations."""

    def __init__(self, http: GuardedClient) -> None:
        self._http = http

    async def grant(
        self, host: str, form: dict[str, str], spent: type[SignInError] = NeedsSignIn
    ) -> TokenAnswer:
        """Exchanges a grant for tokens. Raises `spent` where the server no longer takes it, UnknownApp, and
        SignInError: also where something in front of the server has answered, which ends no grant."""
        answer = await self._post(host, "token", form)
        if answer.status in _SPENT and not is_of_the_server(answer):
            raise ServerUnreachable(host, f"answered with status {answer.status}, and no error of its own")
        return self._read(host, answer, _SPENT, spent)

    async def exchange(self, host: str, form: dict[str, str]) -> TokenAnswer:
        """Exchanges a code for tokens, once the server was seen to check codes. Raises SignInExpired where it does not
        take the code, UnknownApp, and SignInError."""
        return self._read(host, await self._post(host, "token", form), _NO_SUCH_CODE, SignInExpired)

    def _read(
        self, host: str, answer: Answer, refusals: frozenset[int], spent: type[SignInError]
    ) -> TokenAnswer:
        if answer.status in refusals:
            if error_of(answer) == WRONG_GRANT:
                raise spent(host, "the server takes the grant no longer")
            raise UnknownApp(host, "the server takes the grant or our app no longer")
        if is_temporary(answer.status):
            raise ServerUnreachable(host, f"answered with status {answer.status}")
        with network_errors(host):
            tokens = answer.expect(200).parse(TokenAnswer)
        sizes_fit = (
            0 < len(tokens.access_token) <= MAX_TOKEN_CHARS
            and len(tokens.refresh_token or "") <= MAX_TOKEN_CHARS
            and len(tokens.scope or "") <= MAX_SCOPE_CHARS
        )
        if tokens.token_type.lower() != "bearer" or not sizes_fit:
            raise ServerMisbehaved(host, "the tokens are not those of a sign-in")
        return tokens

    async def require_checked_codes(self, host: str, form: dict[str, str], note_grant: NoteGrant) -> None:
        """Tries to exchange an invented code, right after a person has agreed at the server.

        Where that returns a token, whoever holds the state could have come back without having been there.
        `note_grant` is told of such a token. Raises CodesUnchecked, and ServerUnreachable where the server is busy.
        """
        answer = await self._try_invented(host, form)
        if answer.status == _BROKEN:
            # Takahē answers so to every code that never was; one that is broken for a moment is asked again later.
            answer = await self._try_invented(host, form)
        if answer.status == _BROKEN:
            return
        if is_temporary(answer.status):
            raise ServerUnreachable(host, f"answered a wrong code with status {answer.status}")
        if not 200 <= answer.status < 300:
            return
        with suppress(NetworkError):
            await note_grant(answer.parse(TokenAnswer))
        raise CodesUnchecked(host, "the server gives a token for a code that never was")

    async def _try_invented(self, host: str, form: dict[str, str]) -> Answer:
        return await self._post(host, "token", {**form, "code": new_secret()})

    async def revoke(
        self, host: str, client_id: str, client_secret: str, access: str, note_unknown: NoteUnknown
    ) -> Revocation:
        """Revokes a token. Servers differ in their answer for one that is gone already: then the token is tried.

        `note_unknown` is told where the server says that it does not know our app.
        """
        form = {**client_fields(client_id, client_secret), "token": access}
        answer = await self._post(host, "revoke", form)
        if answer.status in {200, 204}:
            return Revocation.REVOKED
        if is_temporary(answer.status):
            raise ServerUnreachable(host, f"answered with status {answer.status}")
        if error_of(answer) in UNKNOWN_CLIENT:
            await note_unknown()
        try:
            await verify_credentials(self._http, host, access)
        except NeedsSignIn:
            return Revocation.REVOKED
        if answer.status in _NO_SUCH_THING:
            return Revocation.NOT_OFFERED
        raise ServerMisbehaved(host, f"does not end a token: status {answer.status}")

    async def _post(self, host: str, endpoint: str, form: dict[str, str]) -> Answer:
        with network_errors(host):
            return await self._http.post(
                f"https://{host}/oauth/{endpoint}",
                form=form,
                headers={"accept": "application/json"},
                limits=TOKEN_LIMITS,
            )


def token_set(  # noqa: PLR0913 - the parts of a token set
    tokens: TokenAnswer,
    *,
    account_id: str,
    host: str,
    client_id: str,
    client_secret: str,
    asked_scope: str,
    now: datetime,
) -> TokenSet:
    """Makes the tokens as they are stored."""
    expires = None
    if tokens.expires_in is not None and tokens.expires_in > 0:
        expires = now + timedelta(seconds=min(tokens.expires_in, MAX_LIFETIME_S))
    return TokenSet(
        network=Network.MASTODON,
        account_id=account_id,
        server=host,
        access=tokens.access_token,
        refresh=tokens.refresh_token or None,
        # A server that names no scope granted the requested one (RFC 6749, 5.1).
        scope=tokens.scope if tokens.scope is not None else asked_scope,
        expires_at=expires,
        client_id=client_id,
        binding=AppBinding(client_secret),
    )
