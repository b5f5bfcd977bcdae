"""The accounts of a member, on the new networks and on X, and how each was proven."""

import enum
from datetime import datetime
from typing import Final, Self
from uuid import UUID

import msgspec

from directory.identifiers import Acct, ActorUri, AtHandle, Did, TargetHandle, TargetId, XHandle, XId
from directory.mappings import Evidence, EvidenceKind, Network

MAX_ACCOUNTS: Final = 20

ID_EVIDENCE: Final = frozenset({EvidenceKind.X_POST_ID, EvidenceKind.X_OAUTH})
"""What speaks for an X id, and so outlives its handle."""
_HANDLE_MARK: Final = "@"


class AccountNetwork(enum.StrEnum):
    """Where a linked account is."""

    BLUESKY = "bluesky"
    MASTODON = "mastodon"
    X = "x"

    @property
    def target(self) -> Network | None:
        """The network that a mapping onto such an account names; none for X."""
        return None if self is AccountNetwork.X else Network(self.value)


class ProofState(enum.StrEnum):
    """What a proof that was good once is worth now. Stable codes."""

    HOLDS = "holds"
    STALE = "stale"
    IN_DOUBT = "in-doubt"
    LAPSED = "lapsed"


class Member(msgspec.Struct, frozen=True):
    """Somebody who signed in. All that is known of them hangs on their accounts."""

    id: UUID
    created: datetime


class ProvenAccount(msgspec.Struct, frozen=True):
    """An account that somebody has just shown to be theirs. Make it with `bluesky`, `mastodon` or `x`."""

    network: AccountNetwork
    account_id: str
    handle: str
    evidence: Evidence

    @classmethod
    def bluesky(cls, did: Did, handle: AtHandle, evidence: Evidence) -> Self:
        return cls(AccountNetwork.BLUESKY, str(did), str(handle), evidence)

    @classmethod
    def mastodon(cls, actor_uri: ActorUri, acct: Acct, evidence: Evidence) -> Self:
        return cls(AccountNetwork.MASTODON, str(actor_uri), str(acct), evidence)

    @classmethod
    def x(cls, x_id: XId | None, handle: XHandle, evidence: Evidence) -> Self:
        """Without an id, the handle has to stand for the account."""
        account_id = str(x_id) if x_id is not None else f"{_HANDLE_MARK}{handle.key}"
        return cls(AccountNetwork.X, account_id, str(handle), evidence)

    @property
    def handle_key(self) -> str:
        """What handles are compared by."""
        return self.handle.lower()

    @property
    def x_id(self) -> XId | None:
        return x_id_in(self.network, self.account_id)


class LinkedAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account of a member.

    `account_id` stays with the person: a DID, an actor URI, an X id; or `@handle` of an X account whose id
    nobody told. `checked_at` is when the proof was last seen to hold, `health` what it is worth now, since
    `health_since` if that is not HOLDS. `recheck_at` is when to look again, while something is published.
    """

    id: UUID
    member: UUID
    network: AccountNetwork
    account_id: str
    handle: str
    evidence: tuple[Evidence, ...]
    linked_at: datetime
    proven_at: datetime
    checked_at: datetime
    recheck_at: datetime | None
    health: ProofState
    health_since: datetime | None
    on_page: bool

    @property
    def handle_key(self) -> str:
        return self.handle.lower()

    @property
    def x_id(self) -> XId | None:
        return x_id_in(self.network, self.account_id)

    @property
    def x_handle(self) -> XHandle | None:
        return XHandle(self.handle) if self.network is AccountNetwork.X else None

    @property
    def target(self) -> tuple[TargetId, TargetHandle] | None:
        """The lasting id and the label on a new network. What was parsed on the way in is trusted here."""
        if self.network is AccountNetwork.BLUESKY:
            return Did(self.account_id), AtHandle(self.handle)
        if self.network is AccountNetwork.MASTODON:
            user, _, host = self.handle.partition("@")
            return ActorUri(self.account_id), Acct(user, host)
        return None

    @property
    def is_lapsed(self) -> bool:
        """Whether only a new proof helps."""
        return self.health is ProofState.LAPSED


def x_id_in(network: AccountNetwork, account_id: str) -> XId | None:
    """The X id that an account is known by, if it is."""
    if network is not AccountNetwork.X or account_id.startswith(_HANDLE_MARK):
        return None
    return XId(int(account_id))
