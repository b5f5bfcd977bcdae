"""Schedules the attempts of a check that was unreachable: ever less often, for a day; then the member is asked. Pure."""

import hashlib
from datetime import datetime, timedelta
from typing import Final

FIRST_CHECK_WINDOW: Final = timedelta(days=1)
MAX_ASKED_WAIT: Final = timedelta(days=1)
"""A longer wait that a source asks for is not kept."""

# From one attempt to the next.
_WAITS_S: Final = (15, 60, 300, 900, 1_800, 3_600, 7_200, 14_400)
_JITTER: Final = 0.2


def next_try(
    first: datetime, now: datetime, tries: int, seed: str, retry_after_s: int | None = None
) -> datetime | None:
    """Returns when an unreachable check is tried again; None where it is given up, and the member is asked.

    `first` is the time of the first of `tries` attempts. A longer wait that a source asked for is kept, also where it ends
    after the day: the attempt behind it is the last one.
    """
    wait_s = _WAITS_S[min(max(tries, 1), len(_WAITS_S)) - 1] * (1 + _JITTER * _fraction(seed, tries))
    at = now + timedelta(seconds=wait_s)
    if at > first + FIRST_CHECK_WINDOW:
        return None
    return max(at, now + min(timedelta(seconds=retry_after_s or 0), MAX_ASKED_WAIT))


def _fraction(seed: str, step: object) -> float:
    """Returns a number in [0, 1), always the same for a seed and a step."""
    digest = hashlib.sha256(f"{seed}/{step}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
