"""Claims to X accounts that another member holds, and the rules by which they are decided. Pure.

Nothing is handed over on stored evidence: a claim is decided on evidence that was seen in that moment, or on a new
proof of the claimant. A claim that is *open* or *approved* waits. An approved one has the moderators' yes, and the
account passes to the claimant with the next proof of theirs that is seen.
"""

import enum
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from directory.accounts import LinkedAccount, ProvenAccount, XAccount
from directory.errors import InvalidIdentifier
from directory.mappings import Evidence
from directory.proofs.post_url import XPostId, parse_post_url
from directory.proofs.reasons import UnreachableReason
from directory.proofs.results import CheckResult, Refuted, Unreachable, Verified

CLAIM_LIFE: Final = timedelta(days=30)
"""An open claim lapses this long after its newest evidence. It stays while somebody holds the account whose own proof
was not seen since."""
APPROVAL_LIFE: Final = timedelta(days=30)
"""An approved claim lapses this long after the decision."""
CLAIM_PAUSE: Final = timedelta(days=30)
"""After a rejection the same member cannot claim the same X account for this long."""
LOOK_LEASE: Final = timedelta(minutes=5)
"""How long a worker has to look at the evidence once; after that another may claim it."""
CONFIRM_AFTER: Final = timedelta(days=1)
"""Evidence that was seen not to hold ends a claim where a look this much later shows the same: a source may say of a post
that stands that it is gone, for as long as it is at fault."""
_FIRST_WAIT: Final = timedelta(hours=1)
MAX_LOOK_WAIT: Final = timedelta(days=1)
"""The longest wait between two looks; no source asks for more (`directory.networks.retry_after`)."""
_MAX_DOUBLINGS: Final = 10


class ClaimState(enum.IntEnum):
    """The numbers are stored. OPEN and APPROVED wait; all others are final."""

    OPEN = 0
    APPROVED = 1
    """The moderators decided for the claimant; it waits for evidence that can be seen."""
    UPHELD = 2
    """The account is the claimant's."""
    REJECTED = 3
    LAPSED = 4
    """Its evidence no longer holds, or it waited for too long."""

    @property
    def label(self) -> str:
        return self.name.lower()


WAITING: Final = (ClaimState.OPEN, ClaimState.APPROVED)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A member's proof of an X account that another member holds as the linked account `holder`."""

    id: UUID
    member: UUID
    holder: UUID | None
    """None where nobody here holds the account any more: it was unlinked, its member left, or its proof lapsed."""
    account: XAccount
    evidence: tuple[Evidence, ...]
    state: ClaimState
    claimed_at: datetime
    proven_at: datetime
    """When the newest evidence came."""
    decided_at: datetime | None
    """When the moderators decided."""
    settled_at: datetime | None
    """When it ended."""
    doubted_at: datetime | None = None
    """Since when its evidence was seen not to hold."""

    @property
    def is_free(self) -> bool:
        """Whether it waits, and a new proof links the account at once."""
        return self.holder is None and self.state in WAITING


class Case(msgspec.Struct, frozen=True):
    """A claim to decide, and the holder's account, as they were read."""

    claim: Claim
    holder: LinkedAccount | None

    def is_still(self, now: "Case") -> bool:
        """Whether nothing that matters for a decision has changed."""
        return self.claim == now.claim and _standing(self.holder) == _standing(now.holder)


class Settled(enum.Enum):
    """What a decision, or a look at the evidence, came to."""

    HANDED_OVER = enum.auto()
    APPROVED = enum.auto()
    """It waits for evidence that can be seen."""
    DOUBTED = enum.auto()
    """It is approved, and its evidence was seen not to hold: a look a day later ends it, or shows that it does hold."""
    HELD_BY_ANOTHER = enum.auto()
    """It is approved, and another member holds the same X account, whose case is to be decided too."""
    REJECTED = enum.auto()
    LAPSED = enum.auto()
    """The evidence was looked at twice, a day apart, and does not hold any more."""
    CHANGED = enum.auto()
    """The claim or its holder has changed meanwhile; nothing was decided."""
    NO_ROOM = enum.auto()
    """The claimant has linked as many accounts as one person can; nothing was decided."""
    NOT_WAITING = enum.auto()
    """No such claim waits."""


def find_post(evidence: tuple[Evidence, ...]) -> XPostId | None:
    """Finds the post in the evidence. Returns None where no piece is a post: an instance cannot look at it by itself."""
    for item in evidence:
        if item.kind.is_x_post and item.ref is not None:
            with suppress(InvalidIdentifier):
                return parse_post_url(item.ref)
    return None


def judge_claim(claim: Claim, seen: CheckResult) -> ProvenAccount | Unreachable | None:
    """Judges a look at the post of a claim. Returns the claimed account as the post has just proven it.

    Returns None where the post does not hold any more: it says something else, another account made it, or it was
    deleted, by whoever has the account.
    """
    match seen:
        case Verified(account=x, evidence=evidence):
            return _judge_account(claim.account, ProvenAccount(x, evidence))
        case Refuted() | Unreachable(reason=UnreachableReason.DELETED):
            return None
        case Unreachable():
            return seen


def is_confirmed(claim: Claim, now: datetime) -> bool:
    """Whether evidence that does not hold in this look was seen so a day before."""
    return claim.doubted_at is not None and now - claim.doubted_at >= CONFIRM_AFTER


def next_look(attempt: int, now: datetime, retry_after_s: int | None) -> datetime:
    """Returns when unreachable evidence is looked at again: in an hour, doubled with each attempt, at most in a day.

    A longer wait that the source asked for is kept.
    """
    wait = min(_FIRST_WAIT * (1 << max(0, min(attempt - 1, _MAX_DOUBLINGS))), MAX_LOOK_WAIT)
    return now + max(wait, timedelta(seconds=retry_after_s or 0))


def _judge_account(claimed: XAccount, seen: ProvenAccount) -> ProvenAccount | Unreachable | None:
    x = seen.x
    if x is None:
        return None
    if x.id is None and claimed.id is not None and x.handle.key != claimed.handle.key:
        # A new handle of the same account, or another account: only a source that tells ids knows.
        return Unreachable(UnreachableReason.SOURCES_DISAGREE)
    now_known = x.with_id_of(claimed)
    return ProvenAccount(now_known, seen.evidence) if claimed.is_same(now_known) else None


def _standing(holder: LinkedAccount | None) -> tuple[object, ...] | None:
    """Returns what a decision about an account rests on; None where nobody holds it."""
    if holder is None:
        return None
    return (holder.id, holder.account, holder.proven_at, holder.checked_at, holder.health)
