"""What a log answers who asks for the salt and body of a leaf, and what a reader makes of it when there is none. Pure."""

import enum
from dataclasses import dataclass
from typing import Final

from federation.errors import InvariantBroken

BODY_GRACE_S: Final = 900
"""How long a leaf may hold without a body: from the first checkpoint under which it was missed, by the log's clock."""


@dataclass(frozen=True, slots=True)
class Body:
    """The leaf holds, and says this."""

    salt: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Erased:
    """Salt and body are gone; the entry `by` revokes the leaf."""

    by: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The leaf was withdrawn or replaced, and the revoke is still to come. `reason` is the true one, 0 to 255."""

    reason: int


@dataclass(frozen=True, slots=True)
class NeverMapping:
    """The entry publishes no mapping."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """The published log has no such leaf."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The leaf holds, and its salt and body are not there: the log breaks its word, and fsck tells so."""


LeafAnswer = Body | Erased | Ended | NeverMapping | NotYet | Lost


class Missing(enum.StrEnum):
    """What a reader makes of a mapping's leaf for which no body was served."""

    GONE = "gone"
    """The log revokes it: the reader erases what it has of it."""
    ASK_AGAIN = "ask-again"
    """It answers nothing, and is asked for again after a fresher checkpoint."""


def judge_missing(revoked_by: int | None, missing_at: int | None, checkpoint_at: int) -> Missing:
    """Judges a leaf without a body, whatever was answered in its place.

    `revoked_by` is the entry that revokes it in the tree that the reader has read, None where none does.
    `checkpoint_at` is the time of that tree's checkpoint by the log's clock, in seconds, and `missing_at` that of the
    one under which the body was missed first; None where that is now. Both are the log's own word: neither a reader that
    was away nor one whose clock is wrong accuses anybody. Raises InvariantBroken.
    """
    if revoked_by is not None:
        return Missing.GONE
    if missing_at is not None and checkpoint_at - missing_at >= BODY_GRACE_S:
        raise InvariantBroken(
            f"a leaf that holds has had no body for {checkpoint_at - missing_at} s by the clock of its log"
        )
    return Missing.ASK_AGAIN
