"""Signing in with the networks: what callers give, what they get, what can come of it.

A sign-in proves that whoever sits at the browser holds an account. It takes two calls with a visit
to the network between them: `start_sign_in` gives an address for the browser and a private record;
`finish_sign_in` takes the record and what the browser brought back.

The caller's part, without which none of it is safe:
- the record is sealed, kept on our side, tied to this one browser session, and taken away (not
  only read) when the browser comes back: a record serves once;
- who somebody is comes from `SignInDone` alone, never from a parameter of a request;
- tokens are sealed at rest; one refresh of a `TokenSet` runs at a time, over all processes, and its
  result is stored before anything else: a refresh token serves once, and using it again ends the
  whole session at the network.
"""

import enum
from datetime import datetime, timedelta
from typing import Final, Protocol, Self

import msgspec

from directory.accounts import TargetAccount
from directory.identifiers import TargetHandle, TargetId
from directory.mappings import Network
from directory.networks.sign_in_errors import NeedsSignIn

# The browser must be back within this time.
SIGN_IN_LIFETIME: Final = timedelta(minutes=15)
# Tokens that end within this time are renewed before they are used.
REFRESH_AHEAD: Final = timedelta(minutes=1)


class Purpose(enum.StrEnum):
    """What a sign-in asks for."""

    PROVE = "prove"
    """Only that the account is theirs: the least that the network lets us ask."""
    FOLLOW = "follow"
    """Also to follow and unfollow for them."""


class SignInStart(msgspec.Struct, frozen=True):
    """Where to send the browser, and what to keep until it is back.

    `record` holds secrets. `state` is what the browser brings back; it is in the record too, and
    here so that the caller can find the record by it (or by a digest of it).
    """

    authorize_url: str
    state: str
    record: bytes
    expires: datetime

    def __repr__(self) -> str:
        return f"SignInStart(expires={self.expires!s})"


class DpopBinding(msgspec.Struct, frozen=True, tag="dpop"):
    """Tokens that serve only whoever holds a key (RFC 9449)."""

    key: str
    """The private key, a JWK."""
    client_key_id: str | None
    """Which of our own keys started the session; the network ends the session when it is gone."""

    def __repr__(self) -> str:
        return f"DpopBinding(client_key_id={self.client_key_id!r})"


class AppBinding(msgspec.Struct, frozen=True, tag="app"):
    """Tokens of an app that is registered at one server."""

    client_secret: str

    def __repr__(self) -> str:
        return "AppBinding()"


class TokenSet(msgspec.Struct, frozen=True):
    """What lets us act for an account. Secret: sealed at rest, in no log and no error.

    `server` is the authorization server's origin (Bluesky) or the host of the API (Mastodon).
    `expires_at` is missing where access does not end by itself.
    """

    network: Network
    account_id: str
    server: str
    access: str
    refresh: str | None
    scope: str
    expires_at: datetime | None
    client_id: str
    binding: DpopBinding | AppBinding

    def __repr__(self) -> str:
        return f"TokenSet({self.network.value}, {self.account_id}, {self.scope!r}, {self.expires_at!s})"

    def is_fresh(self, now: datetime) -> bool:
        """Whether the access token can be used now."""
        return self.expires_at is None or now + REFRESH_AHEAD < self.expires_at

    def to_bytes(self) -> bytes:
        """For sealing; `from_bytes` reads it."""
        return msgspec.json.encode(self)

    @classmethod
    def from_bytes(cls, sealed: bytes) -> Self:
        """What `to_bytes` wrote. Raises NeedsSignIn for anything else."""
        try:
            return msgspec.json.decode(sealed, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise NeedsSignIn("", "the stored tokens cannot be read") from None


class SignInDone(msgspec.Struct, frozen=True):
    """Somebody proved that they hold an account, whose handle of today was checked in both directions."""

    account: TargetAccount
    purpose: Purpose
    may_follow: bool
    """Whether the network granted what following takes."""
    tokens: TokenSet

    @property
    def granted_scope(self) -> str:
        return self.tokens.scope


class Revocation(enum.Enum):
    """How the end of a session at the network went."""

    REVOKED = "revoked"
    NOT_OFFERED = "not-offered"
    """The server has no way to do it: the person can remove the app in their settings there."""


class SignIn(Protocol):
    """One network. Every method raises a SignInError, and nothing else unless it says so."""

    async def start_sign_in(
        self,
        account: str,
        *,
        purpose: Purpose,
        redirect_uri: str,
        now: datetime,
        expected: TargetId | None = None,
    ) -> SignInStart:
        """Finds the server of an account, as a person types it, and prepares the visit to it.

        With `expected`, only this account will do. Raises InvalidIdentifier for a text that is no
        account.
        """
        ...

    async def finish_sign_in(self, record: bytes, returned_to: str, now: datetime) -> SignInDone:
        """`returned_to` is the whole address at which the browser came back, with its query."""
        ...

    async def refresh(self, tokens: TokenSet, now: datetime) -> TokenSet:
        """New tokens for old ones, which are then spent. NeedsSignIn when the network wants a person."""
        ...

    async def revoke(self, tokens: TokenSet, now: datetime) -> Revocation:
        """Ends the session at the network. Revoking what is already gone is no error."""
        ...

    async def resolve_handle(self, handle: TargetHandle) -> TargetId:
        """The account that a handle leads to and that claims the handle."""
        ...

    async def current_account(self, account: TargetAccount) -> TargetAccount:
        """The account under its handle of today; the one known before is for servers that need it."""
        ...
