"""Names records by time: https://atproto.com/specs/tid."""

import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

_ALPHABET: Final = "234567abcdefghijklmnopqrstuvwxyz"
_TID: Final = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")
_CHARS: Final = 13
_CLOCK_BITS: Final = 10
_MICROSECOND: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def tid_of(micros: int, clock_id: int) -> str:
    """Writes a time, in microseconds since 1970, and the number of a clock (0 to 1,023) as a TID."""
    number = micros << _CLOCK_BITS | clock_id & (1 << _CLOCK_BITS) - 1
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_CHARS)))


def micros_of(time: datetime) -> int:
    """Returns the microseconds since 1970."""
    return (time - _EPOCH) // _MICROSECOND


def is_tid(text: str) -> bool:
    """Tells whether a text is a TID."""
    return _TID.fullmatch(text) is not None


class Tids:
    """Makes TIDs, each greater than the one before. Two of these hardly ever make the same: each draws its clock."""

    def __init__(self) -> None:
        self._clock_id = secrets.randbits(_CLOCK_BITS)
        self._last = 0

    def next(self, now: datetime) -> str:
        """Makes the next one."""
        self._last = max(micros_of(now), self._last + 1)
        return tid_of(self._last, self._clock_id)
