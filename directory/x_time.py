"""Reads the time of a post on X from its number.

X numbers posts since November 2010 by time: the bits above the lowest 22 are the milliseconds since X's epoch. Only X
chooses them, so the time needs no answer from any source.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Final

X_EPOCH_MS: Final = 1_288_834_974_657
FIRST_TIMED_POST: Final = 2**35
"""Numbers below were counted, not timed."""
FIRST_DAY_OF_X: Final = date(2006, 3, 21)
"""The day of the first post: no name was seen on X before."""
_SEQUENCE_BITS: Final = 22
_UNIX_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def time_of_post(number: int) -> datetime:
    """Returns the time that the number of a post tells, to the millisecond.

    A number below FIRST_TIMED_POST gives a time in November 2010, which is later than the post.
    """
    return _UNIX_EPOCH + timedelta(milliseconds=(number >> _SEQUENCE_BITS) + X_EPOCH_MS)


def day_of_post(number: int) -> date | None:
    """Returns the day (UTC) of a post. Returns None for a number that tells no time."""
    return time_of_post(number).date() if number >= FIRST_TIMED_POST else None
