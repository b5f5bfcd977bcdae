"""What a run needs of a network: one interface for Bluesky and for the servers of the Mastodon API.

A session acts as one account with its permission to follow. The caller's duties:
- what `name` returns is stored before `follow` is called with it: then a repeated call doubles nothing;
- an item that may have been sent before is looked at (`look`) before it is sent again;
- `spent` of an answer is counted before anything else is sent.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from directory.accounts import TargetAccount
from directory.follows.reasons import Reason
from directory.follows.runs import Budget, RunKind
from directory.follows.states import ItemState
from directory.identifiers import TargetId


class Attempt(msgspec.Struct, frozen=True):
    """One item as a network needs it, all as in `Item`. A look needs the state and the looks: a request that is seen no
    longer was declined, and what is not seen for long was not taken."""

    number: int
    account: TargetAccount
    remote: str
    state: ItemState = ItemState.SENT
    looks: int = 0


class Outcome(msgspec.Struct, frozen=True):
    """What became of an item: SENT (unknown yet), FOLLOWED, REQUESTED, ALREADY, FAILED, SKIPPED (the member follows whom the run
    would block), PENDING (nothing was sent), or for an undo UNDONE, FOLLOWED or UNDOING (unknown yet). `moved_to`: the account says that it moved there."""

    number: int
    state: ItemState
    reason: Reason = Reason.NONE
    remote: str = ""
    moved_to: TargetAccount | None = None


class Told(msgspec.Struct, frozen=True):
    """What came of one call: outcomes, in any order, of the items that were reached; what was spent of the budget; and
    until when the network asked to wait, where it did."""

    outcomes: tuple[Outcome, ...]
    spent: int
    wait_until: datetime | None = None


class Followed(msgspec.Struct, frozen=True):
    """Somebody whom the account follows already, or has asked to follow."""

    id: TargetId | None
    """None where the server does not tell it: then `acct` is compared."""
    acct: str
    remote: str


class FollowSession(Protocol):
    """Raises NeedsSignIn where the permission has ended, and NetworkError where the server cannot be reached, from each
    method."""

    @property
    def batch(self) -> int:
        """How many items one call of `follow` takes at most."""
        ...

    async def read_followed(self, kind: RunKind) -> Sequence[Followed]:
        """Reads whom the account follows (or has blocked, or muted) now."""
        ...

    def name(self, item: Attempt, now: datetime) -> str:
        """Chooses how a follow is called before it is sent. Returns `item.remote` where the network names it itself."""
        ...

    def affordable(self, budget: Budget, now: datetime) -> int:
        """Returns how many items may be sent now; 0 where it has to wait."""
        ...

    def next_slot(self, budget: Budget, now: datetime) -> datetime:
        """Returns when the next item may be sent."""
        ...

    async def find_opposed(self, kind: RunKind, items: Sequence[Attempt]) -> Sequence[Outcome]:
        """Finds for whom the account has chosen the opposite, as far as `follow` does not find out itself: whom it has blocked is
        not followed, and whom it follows not blocked. Asked before anybody is marked as sent: nothing is."""
        ...

    async def follow(self, kind: RunKind, items: Sequence[Attempt]) -> Told:
        """Follows (or blocks, or mutes), each once."""
        ...

    async def look(self, kind: RunKind, items: Sequence[Attempt]) -> Told:
        """Finds what became of items that may have been sent. PENDING: nothing was."""
        ...

    async def undo(self, kind: RunKind, items: Sequence[Attempt]) -> Told:
        """Takes back what was followed or requested. One that is gone already is UNDONE."""
        ...
