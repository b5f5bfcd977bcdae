"""Schedules the attempts of a check that was unreachable: ever less often, for a day; then the member is asked. Pure."""

import hashlib
from datetime import datetime, timedelta
from typing import Final

FIRST_CHECK_WINDOW: Final = timedelta(days=1)

# From one attempt to the next.
_WAITS_S: Final = (15, 60, 300, 900, 1_800, 3_600, 7_200, 14_400)
_JITTER: Final = 0.2


def next_try(
    first: datetime, now: datetime, tries: int, seed: str, retry_after_s: int | None = None
) -> datetime | None:
    """Returns when an unreachable check is tried again; None where it is given up, and the member is asked.

    `first` is the time of the first of `tries` attempts. A longer wait that a source asked for is kept.
    """
    wait_s = _WAITS_S[min(max(tries, 1), len(_WAITS_S)) - 1] * (1 + _JITTER * _fraction(seed, tries))
    at = now + timedelta(seconds=max(wait_s, retry_after_s or 0))
    return at if at <= first + FIRST_CHECK_WINDOW else None


def _fraction(seed: str, step: object) -> float:
    """Returns a number in [0, 1), always the same for a seed and a step."""
    digest = hashlib.sha256(f"{seed}/{step}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
