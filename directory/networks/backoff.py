"""How long a host that failed is left alone. Pure."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

FIRST_WAIT: Final = timedelta(minutes=1)
"""After the first failure; doubled with each that follows."""
MAX_WAIT: Final = timedelta(hours=6)
MAX_ASKED_WAIT: Final = timedelta(days=1)
"""What a host itself may ask for with Retry-After: it keeps nobody waiting but its own people."""
MAX_SHARED_WAIT: Final = timedelta(hours=1)
"""The same for a host that all members need, such as X's: one answer must not hold everybody back for a day."""
MAX_TOLD_S: Final = 3_600
"""What a row is told to wait at most: the host may be well again before."""
_MAX_DOUBLINGS: Final = 16


class Failure(msgspec.Struct, frozen=True):
    """A host could not be reached, or answered 429 or 5xx. `asked_s` is the wait that it asked for, in seconds."""

    asked_s: int | None = None
    is_shared: bool = False


class Backoff(msgspec.Struct, frozen=True):
    """A host is left alone until then, after so many failures in a row."""

    until: datetime
    failures: int


def after_failure(before: Backoff | None, failure: Failure, now: datetime) -> Backoff:
    """What follows from a failure. While the host is left alone already, a failure is one more request of the same
    moment: it counts no further, but what it asks for is heard."""
    if before is not None and before.until > now:
        asked = now + _asked_wait(failure)
        return Backoff(max(before.until, asked), before.failures)
    failures = before.failures + 1 if before is not None else 1
    doubled = min(FIRST_WAIT * 2 ** min(failures - 1, _MAX_DOUBLINGS), MAX_WAIT)
    wait = max(doubled, _asked_wait(failure))
    return Backoff(now + (min(wait, MAX_SHARED_WAIT) if failure.is_shared else wait), failures)


def _asked_wait(failure: Failure) -> timedelta:
    limit = MAX_SHARED_WAIT if failure.is_shared else MAX_ASKED_WAIT
    return min(timedelta(seconds=failure.asked_s or 0), limit)
