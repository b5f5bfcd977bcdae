"""Kept challenges, each a sentence for a member to post on X, and the checks of the posts."""

import enum
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from directory.proofs.challenge import Challenge
from directory.vault import Context

CHECK_LEASE: Final = timedelta(minutes=5)
"""How long a worker has for one attempt; after that another may claim the check."""
MAX_CHALLENGES_PER_DAY: Final = 20
MAX_CHECKS_PER_DAY: Final = 30


class ChallengeState(enum.IntEnum):
    """The numbers are stored. All but OPEN are final."""

    OPEN = 0
    USED = 1
    SUPERSEDED = 2
    EXPIRED = 3


class CheckState(enum.IntEnum):
    """The state of a check. The numbers are stored. All but WAITING are final, except that a moderator may confirm
    a check that was given up."""

    WAITING = 0
    VERIFIED = 1
    REFUTED = 2
    GAVE_UP = 3
    """No source showed the post for a day: the member is asked what to do."""
    CONTESTED = 4
    """The proof holds, but another member has the X account: the moderators decide."""
    CLOSED = 5
    """The challenge ended first, or another post was submitted."""

    @property
    def label(self) -> str:
        return self.name.lower().replace("_", "-")


class KeptChallenge(msgspec.Struct, frozen=True):
    """A challenge with its state."""

    id: UUID
    state: ChallengeState
    challenge: Challenge


class ProofCheck(msgspec.Struct, frozen=True):
    """The check of a submitted post. `reason` is a code of `directory.proofs.reasons`, of the last attempt."""

    id: UUID
    challenge: UUID
    member: UUID
    post_id: int
    state: CheckState
    attempts: int
    created: datetime
    next_at: datetime
    finished_at: datetime | None
    reason: str | None


class ProofJob(msgspec.Struct, frozen=True):
    """One attempt at a check, and the challenge that the post has to meet."""

    check: ProofCheck
    challenge: KeptChallenge


def challenge_context(row: UUID) -> Context:
    return Context("challenge", row)
