"""The interface for signing in with the networks: its values and its methods.

A sign-in proves that the person at the browser holds an account. It takes two calls with a visit
to the network between them: `start_sign_in` returns an address for the browser and a private record;
`finish_sign_in` takes the record and what the browser returned with.

The caller's duties, without which no sign-in is safe:
- the record is sealed, stored on our side, tied to this one browser session, and deleted (not only
  read) when the browser returns: a record is valid once;
- the account comes from `SignInDone` alone, never from a parameter of a request;
- tokens are sealed at rest; one refresh of a `TokenSet` runs at a time, over all processes, and its
  result is stored before anything else: a refresh token is valid once, and using it again ends the
  whole session at the network;
- tokens are noted (`Grants`) in the moment they are granted, and revoked unless they are kept.
"""

import enum
from datetime import datetime, timedelta
from typing import Final, Protocol, Self

import msgspec

from directory.accounts import TargetAccount
from directory.follows.runs import RunKind
from directory.identifiers import Acct, TargetHandle, TargetId
from directory.mappings import Network
from directory.networks.sign_in_errors import NeedsSignIn, SignInError

# The browser must return within this time.
SIGN_IN_LIFETIME: Final = timedelta(minutes=15)
# Tokens that end within this time are renewed before they are used.
REFRESH_AHEAD: Final = timedelta(minutes=1)


class Purpose(enum.StrEnum):
    """The rights that a sign-in requests."""

    PROVE = "prove"
    """Only the proof of the account: the narrowest that the network offers."""
    FOLLOW = "follow"
    """Also to follow and unfollow as the account."""
    ARRANGE = "arrange"
    """Also to block, to mute and to keep lists as the account."""


def purpose_of(kind: RunKind) -> Purpose:
    """Returns the permission that a run of a kind needs: the least that suffices."""
    return Purpose.ARRANGE if kind.needs_more else Purpose.FOLLOW


class SignInStart(msgspec.Struct, frozen=True):
    """The address to send the browser to, and the record to keep until it returns.

    `record` holds secrets. The browser returns with `state`, which is in the record too: the caller
    finds the record by it (or by a digest of it).
    """

    authorize_url: str
    state: str
    record: bytes
    expires: datetime

    def __repr__(self) -> str:
        return f"SignInStart(expires={self.expires!s})"


class DpopBinding(msgspec.Struct, frozen=True, tag="dpop"):
    """The binding of tokens that are valid only with a key (RFC 9449)."""

    key: str
    """The private key, a JWK."""
    client_key_id: str | None
    """The one of our own keys that started the session; the network ends the session when it is gone."""

    def __repr__(self) -> str:
        return f"DpopBinding(client_key_id={self.client_key_id!r})"


class AppBinding(msgspec.Struct, frozen=True, tag="app"):
    """The binding of tokens to an app that is registered at one server."""

    client_secret: str

    def __repr__(self) -> str:
        return "AppBinding()"


class TokenSet(msgspec.Struct, frozen=True):
    """The tokens to act for an account. Secret: sealed at rest, in no log and no error.

    `server` is the authorization server's origin (Bluesky) or the host of the API (Mastodon).
    `expires_at` is None where access does not expire.
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
        """Tells whether the access token can be used now."""
        return self.expires_at is None or now + REFRESH_AHEAD < self.expires_at

    def to_bytes(self) -> bytes:
        """Encodes the tokens, for sealing; `from_bytes` reads it."""
        return msgspec.json.encode(self)

    @classmethod
    def from_bytes(cls, sealed: bytes) -> Self:
        """Reads what `to_bytes` wrote. Raises NeedsSignIn for anything else."""
        try:
            return msgspec.json.decode(sealed, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise NeedsSignIn("", "the stored tokens cannot be read") from None


class SignInDone(msgspec.Struct, frozen=True):
    """A finished sign-in: the proof that a person holds an account, whose present handle is checked in both
    directions, unless it is `nameless`."""

    account: TargetAccount
    purpose: Purpose
    may_follow: bool
    """Whether the network granted the right to follow; for Purpose.ARRANGE also to block and to mute."""
    tokens: TokenSet
    instead_of: str | None = None
    """The account that the person named at the start, where another one signed in. The caller asks them before it
    goes on. None where it is the same account, or none was named (a server)."""
    moved_to: Acct | None = None
    """The address that the account's own server says it moved to; None where it does not."""
    page: str | None = None
    """The address of the profile, as its server tells it; None where that may not be one."""
    software: str = ""
    """What the account's server says that it runs; empty where it does not say."""
    nameless: SignInError | None = None
    """Why no handle was seen to lead to the account, which is proven by its id alone: whoever is a member signs in with it,
    and nothing else comes of it. None where the handle of `account` leads to it."""


class Grants(Protocol):
    """Where tokens are noted in the moment a network grants them, so that none is forgotten whatever follows."""

    async def note_grant(self, tokens: TokenSet, purpose: Purpose) -> None:
        """Has the tokens revoked, unless they are kept. Durable once it returns. `account_id` may be empty: whose
        they are is not known yet."""
        ...


class Revocation(enum.Enum):
    """The result of a revocation at the network."""

    REVOKED = "revoked"
    NOT_OFFERED = "not-offered"
    """The server offers no revocation: the person can remove the app in their settings there."""


class SignIn(Protocol):
    """One network. Every method raises SignInError, and nothing else unless its docstring names it."""

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

        With `expected`, only this account is accepted. Raises InvalidIdentifier for a text that is no
        account.
        """
        ...

    async def finish_sign_in(self, record: bytes, returned_to: str, now: datetime) -> SignInDone:
        """Finishes a sign-in. `returned_to` is the whole address that the browser returned to, with its query.

        The tokens are noted before anything else can fail: they are revoked, unless the caller keeps them.
        """
        ...

    async def refresh(self, tokens: TokenSet, now: datetime) -> TokenSet:
        """Exchanges tokens for new ones; the old ones are then spent. Raises NeedsSignIn where the person has to sign
        in again."""
        ...

    async def revoke(self, tokens: TokenSet, now: datetime) -> Revocation:
        """Ends the session at the network. Revoking a session that is gone already is no error."""
        ...

    async def resolve_handle(self, handle: TargetHandle) -> TargetId:
        """Resolves a handle to the account that claims it."""
        ...

    async def current_account(self, account: TargetAccount) -> TargetAccount:
        """Returns the account with its present handle; the one known before is for servers that need it."""
        ...
