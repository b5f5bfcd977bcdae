"""The sentences that members are asked to post on X, and the checks of what they posted."""

import enum
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from directory.proofs.challenge import Challenge
from directory.vault import Context

CHECK_LEASE: Final = timedelta(minutes=5)
"""How long a worker has for one attempt; after that another may take it."""
MAX_CHALLENGES_PER_DAY: Final = 20
MAX_CHECKS_PER_DAY: Final = 30


class ChallengeState(enum.IntEnum):
    """The numbers are stored. All but OPEN are final."""

    OPEN = 0
    USED = 1
    SUPERSEDED = 2
    EXPIRED = 3


class CheckState(enum.IntEnum):
    """What became of a post that was handed in. The numbers are stored. All but WAITING are final,
    but that a moderator may confirm what was given up."""

    WAITING = 0
    VERIFIED = 1
    REFUTED = 2
    GAVE_UP = 3
    """For a day nobody could show us the post: the member is asked what to do."""
    CONTESTED = 4
    """It holds, but another member has the X account: the moderators decide."""
    CLOSED = 5
    """The challenge ended first, or another post was handed in."""

    @property
    def label(self) -> str:
        return self.name.lower().replace("_", "-")


class KeptChallenge(msgspec.Struct, frozen=True):
    """A challenge as it is kept."""

    id: UUID
    state: ChallengeState
    challenge: Challenge


class ProofCheck(msgspec.Struct, frozen=True):
    """A post that was handed in. `reason` is a code of `directory.proofs.reasons`, of the last attempt."""

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
    """One attempt at a check, and the challenge that the post has to answer."""

    check: ProofCheck
    challenge: KeptChallenge


def challenge_context(row: UUID) -> Context:
    return Context("challenge", row)
