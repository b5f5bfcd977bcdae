"""The time by which what cannot be taken back is ended: not by our clock alone, which may be wrong for a day. Pure.

A machine that comes up years ahead, and is set right a day later, would have ended whatever expires in those years. A step
of more than `MAX_STEP` is believed once it was seen on `DAYS_SEEN` days on which we ran, each `SEEN_APART` after the
last. Until then the time before the step counts; whatever asks the clock itself still sees what has expired.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

MAX_STEP: Final = timedelta(days=7)
"""An instance that was off for so long goes on at once."""
DAYS_SEEN: Final = 7
SEEN_APART: Final = timedelta(hours=20)
"""Two looks count as two days from here on."""


class Times(msgspec.Struct, frozen=True):
    """The time that our clock shows, and the one that was lived, which is earlier where the clock stepped far ahead."""

    now: datetime
    lived: datetime


class LivedTime(msgspec.Struct, frozen=True):
    """What is known of the time: `believed`, and on how many days a later one was seen, last at `seen_at`."""

    believed: datetime
    seen_at: datetime
    days: int = 0


def see_time(before: LivedTime | None, now: datetime) -> LivedTime:
    """Returns what is known after one more look at the clock. The first look is believed.

    A clock that was set back is believed at once: nothing ends by an earlier time.
    """
    if before is None or now - before.believed <= MAX_STEP:
        return LivedTime(now, now)
    if before.days == 0 or now < before.seen_at:
        return LivedTime(before.believed, now, 1)
    if now - before.seen_at < SEEN_APART:
        return before
    if before.days + 1 >= DAYS_SEEN:
        return LivedTime(now, now)
    return LivedTime(before.believed, now, before.days + 1)
