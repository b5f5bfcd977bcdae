"""The accounts of a member, on the new networks and on X, and their proofs."""

import enum
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

import msgspec

from directory.identifiers import Acct, ActorUri, AtHandle, Did, TargetHandle, XHandle, XId
from directory.mappings import Evidence, Network

MAX_ACCOUNTS: Final = 20


class AccountNetwork(enum.StrEnum):
    """Where a linked account is."""

    BLUESKY = "bluesky"
    MASTODON = "mastodon"
    X = "x"

    @property
    def target(self) -> Network | None:
        """The network of a mapping that leads to such an account; None for X."""
        return None if self is AccountNetwork.X else Network(self.value)


class ProofState(enum.StrEnum):
    """The state of a proof after its last re-check (`directory.members.rechecks`). Stable codes."""

    HOLDS = "holds"
    STALE = "stale"
    IN_DOUBT = "in-doubt"
    LAPSED = "lapsed"


class Member(msgspec.Struct, frozen=True):
    """A person who signed in. Everything else known about them belongs to their accounts."""

    id: UUID
    created: datetime


class XAccount(msgspec.Struct, frozen=True, gc=False):
    """An account on X. `id` is None where no proof told one: then the handle identifies the account."""

    network: ClassVar[AccountNetwork] = AccountNetwork.X
    id: XId | None
    handle: XHandle

    def is_same(self, other: "Account") -> bool:
        """Whether both may be one account: the same id or, where one is unknown, the same handle.

        Two known ids that differ are two accounts, whatever the handle: X sells handles again.
        """
        if not isinstance(other, XAccount):
            return False
        if self.id is not None and other.id is not None:
            return self.id == other.id
        return self.handle.key == other.handle.key

    def with_id_of(self, known: "XAccount") -> "XAccount":
        """Returns this account, with the id of `known` where it has none of its own."""
        return XAccount(known.id, self.handle) if self.id is None else self


class BlueskyAccount(msgspec.Struct, frozen=True, gc=False):
    """An account on Bluesky. The DID identifies it; the handle is its present label."""

    network: ClassVar[AccountNetwork] = AccountNetwork.BLUESKY
    did: Did
    handle: AtHandle

    @property
    def id(self) -> Did:
        return self.did

    def is_same(self, other: "Account") -> bool:
        """Whether both are one account, under whatever handle."""
        return isinstance(other, BlueskyAccount) and self.did == other.did


class MastodonAccount(msgspec.Struct, frozen=True, gc=False):
    """An account on a Mastodon-API server. The actor URI identifies it; the address is its present label."""

    network: ClassVar[AccountNetwork] = AccountNetwork.MASTODON
    actor: ActorUri
    acct: Acct

    @property
    def id(self) -> ActorUri:
        return self.actor

    @property
    def handle(self) -> Acct:
        return self.acct

    def is_same(self, other: "Account") -> bool:
        """Whether both are one account, under whatever address."""
        return isinstance(other, MastodonAccount) and self.actor == other.actor


TargetAccount = BlueskyAccount | MastodonAccount
"""An account that a mapping can lead to."""
Account = XAccount | TargetAccount


class ProvenAccount(msgspec.Struct, frozen=True):
    """An account and the evidence that has just proven it. `moved_to`, `page` and `software` are as in
    `LinkedAccount`."""

    account: Account
    evidence: Evidence
    moved_to: Acct | None = None
    page: str | None = None
    software: str = ""

    @property
    def network(self) -> AccountNetwork:
        return self.account.network

    @property
    def x(self) -> XAccount | None:
        return self.account if isinstance(self.account, XAccount) else None


class LinkedAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account of a member.

    `checked_at` is when the proof was last seen to hold. `health` is its state, since `health_since` where that is
    not HOLDS. `recheck_at` is when it is re-checked, while something is published of it. `moved_to` is the address that
    the account's own server last said it moved to; None where it did not, or nobody said so. `has_rival`: since the
    proof of an X account was last seen, somebody else was seen to bear its handle, or to prove it. `page` is the address
    that a Mastodon account's server gives its profile, where it may be one (`networks.mastodon.pages`), `software` what
    the server said at the last sign-in that it runs; empty where it did not say.
    """

    id: UUID
    member: UUID
    account: Account
    evidence: tuple[Evidence, ...]
    linked_at: datetime
    proven_at: datetime
    checked_at: datetime
    recheck_at: datetime | None
    health: ProofState
    health_since: datetime | None
    on_page: bool
    moved_to: Acct | None = None
    has_rival: bool = False
    page: str | None = None
    software: str = ""

    @property
    def network(self) -> AccountNetwork:
        return self.account.network

    @property
    def handle(self) -> XHandle | TargetHandle:
        """The present handle; it can pass to another person."""
        return self.account.handle

    @property
    def x(self) -> XAccount | None:
        return self.account if isinstance(self.account, XAccount) else None

    @property
    def target(self) -> TargetAccount | None:
        """The account, where a mapping can lead to it; None for one on X."""
        return None if isinstance(self.account, XAccount) else self.account

    @property
    def is_lapsed(self) -> bool:
        """Whether only a new proof restores the account."""
        return self.health is ProofState.LAPSED
