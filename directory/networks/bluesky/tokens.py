"""Reads the answers of the token endpoint: https://atproto.com/specs/oauth, RFC 6749, 5."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from directory.errors import InvalidIdentifier
from directory.identifiers import Did
from directory.mappings import Network
from directory.networks.answers import Answer
from directory.networks.bluesky.requests import error_of
from directory.networks.port import DpopBinding, TokenSet
from directory.networks.sign_in_errors import (
    NeedsSignIn,
    ServerMisbehaved,
    ServerUnreachable,
    SignInError,
    is_temporary,
    network_errors,
)

MAX_TOKEN_CHARS: Final = 8_192
MAX_SCOPE_CHARS: Final = 4_096
MAX_LIFETIME_S: Final = 366 * 24 * 3_600
# The grant is used, too old, revoked, or of another client (RFC 6749, 5.2).
SPENT: Final = frozenset({"invalid_grant"})


class TokenAnswer(msgspec.Struct, frozen=True):
    """A successful answer of the token endpoint."""

    access_token: str
    token_type: str
    scope: str
    sub: str
    refresh_token: str | None = None
    expires_in: int | None = None

    def __repr__(self) -> str:
        return f"TokenAnswer({self.sub!r})"


def read_tokens(answer: Answer, spent: type[SignInError] = NeedsSignIn) -> TokenAnswer:
    """Reads the tokens of an answer. Raises `spent` where the grant is no longer valid, and SignInError."""
    if answer.status != 200:
        raise _refusal(answer, spent)
    with network_errors():
        tokens = answer.parse(TokenAnswer)
    sizes_fit = (
        0 < len(tokens.access_token) <= MAX_TOKEN_CHARS
        and len(tokens.refresh_token or "") <= MAX_TOKEN_CHARS
        and len(tokens.scope) <= MAX_SCOPE_CHARS
    )
    # A token that is not bound to our key was not requested; without `atproto`, `sub` is not defined.
    if tokens.token_type.lower() != "dpop" or "atproto" not in tokens.scope.split() or not sizes_fit:
        raise ServerMisbehaved(answer.host, "the tokens are not those of a sign-in")
    return tokens


def account_of(tokens: TokenAnswer, host: str) -> Did:
    """Returns the account that the server claims to have signed in. Raises ServerMisbehaved."""
    try:
        return Did.parse(tokens.sub)
    except InvalidIdentifier:
        raise ServerMisbehaved(host, "the tokens are for nobody") from None


def token_set(
    tokens: TokenAnswer, issuer: str, client_id: str, binding: DpopBinding, now: datetime
) -> TokenSet:
    """Makes the tokens as they are stored."""
    expires = None
    if tokens.expires_in is not None:
        expires = now + timedelta(seconds=min(max(tokens.expires_in, 0), MAX_LIFETIME_S))
    return TokenSet(
        network=Network.BLUESKY,
        account_id=tokens.sub,
        server=issuer,
        access=tokens.access_token,
        refresh=tokens.refresh_token or None,
        scope=tokens.scope,
        expires_at=expires,
        client_id=client_id,
        binding=binding,
    )


def _refusal(answer: Answer, spent: type[SignInError]) -> SignInError:
    error = error_of(answer)
    if error in SPENT:
        return spent(answer.host, "the server takes the grant no longer")
    if is_temporary(answer.status):
        return ServerUnreachable(answer.host, f"answered with status {answer.status}")
    return ServerMisbehaved(answer.host, f"answered with status {answer.status} {error}".rstrip())
