"""Tokens by which a network lets us act for a member, and their revocation."""

import hashlib
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from directory.accounts import AccountNetwork
from directory.networks.port import Purpose, TokenSet
from directory.vault import Context

HOLD_TIMEOUT_S: Final = 45.0
"""How long a caller may wait for a token and hold it, together. After that it goes on without the token."""
WAIT_TIMEOUT_S: Final = 15.0
"""How long of that it may wait: a renewal that is broken off costs the permission where its network has answered by then."""
HELD_FOR_S: Final = 60
"""The lease of a holder. It is longer than anybody renews a token: only that of a process that was killed runs out."""

REVOCATION_LEASE: Final = timedelta(minutes=5)
KEEP_WITHIN: Final = timedelta(minutes=2)
"""For the caller of a sign-in to keep its tokens; after that they are revoked."""
GIVE_UP_REVOKING_AFTER: Final = timedelta(days=30)
MIN_REVOCATION_ATTEMPTS: Final = 12
"""Which take a day and a half. So nothing is given up because an instance stood still, came back from a backup, or had a
clock that ran ahead."""
MAX_REVOCATION_DELAY: Final = timedelta(days=1)


class Token(msgspec.Struct, frozen=True):
    """A token without its secret. `issuer` is who issued it: a PDS's authorization server, or a host."""

    id: UUID
    account: UUID
    purpose: Purpose
    issuer: str
    scopes: str
    granted_at: datetime
    refreshed_at: datetime
    access_expires: datetime | None


def token_hash(tokens: TokenSet) -> bytes:
    """Returns the hash by which the same token is known again, however it was granted.

    Tokens are random, so their hash tells nothing. The issuer is part of it: no server can name the token of
    another's.
    """
    named = "\n".join((tokens.network.value, tokens.server.lower(), tokens.access))
    return hashlib.sha256(named.encode("utf-8", "replace")).digest()


class Revocation(msgspec.Struct, frozen=True):
    """A token that its issuer has yet to revoke. `attempt` counts this attempt, too; `hash` is `token_hash`."""

    id: UUID
    network: AccountNetwork
    issuer: str
    hash: bytes
    sealed: bytes
    attempt: int
    asked_at: datetime
    hosts: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Revocation(id={self.id}, attempt={self.attempt})"


def token_context(row: UUID) -> Context:
    """Returns the context of a token. It keeps its id, and so its seal, when it is to be revoked."""
    return Context("token", row)


def app_context(row: UUID) -> Context:
    return Context("mastodon-app", row)


def is_given_up(revocation: Revocation, now: datetime) -> bool:
    """Returns whether a revocation whose attempt has failed is tried no more."""
    is_old = revocation.asked_at <= now - GIVE_UP_REVOKING_AFTER
    return is_old and revocation.attempt >= MIN_REVOCATION_ATTEMPTS


def delay_before_revoking(attempt: int) -> timedelta:
    """Returns the wait before the next attempt: one minute, doubled with each failed attempt, at most a day."""
    return min(timedelta(minutes=2 ** min(attempt - 1, 12)), MAX_REVOCATION_DELAY)


class AppRow(msgspec.Struct, frozen=True):
    """The registration of this instance as an app at a server, its secret sealed."""

    id: UUID
    host: str
    scope: str
    redirect_uri: str
    client_id: str
    sealed: bytes
    checked_at: datetime
    name: str
    due_at: datetime | None = None

    def __repr__(self) -> str:
        return f"AppRow({self.host!r}, {self.scope!r})"
