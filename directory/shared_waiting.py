"""Tells the process of the jobs who waits for the web processes, so that its long work gives way (`directory/courtesy.py`).

Each web process writes how many wait for it, and when the last one was answered, into a place of its own; the other only reads.
"""

import mmap
import struct
import time
from typing import Final

from directory.shared_memory import make_shared_file

_COUNT: Final = struct.Struct("<Q")
_SINCE: Final = struct.Struct("<d")
_PLACE_BYTES: Final = 64
"""One place a line of the processors' memory, so that nobody who writes disturbs another."""


class WaitingElsewhere:
    """What all web processes have written."""

    def __init__(self, file: int, processes: int) -> None:
        self._memory = mmap.mmap(file, processes * _PLACE_BYTES)
        self._places = range(0, processes * _PLACE_BYTES, _PLACE_BYTES)

    def does_anybody_wait(self) -> bool:
        """Tells whether somebody waits for any of them."""
        return any(_COUNT.unpack_from(self._memory, place)[0] for place in self._places)

    def quiet_since(self) -> float:
        """Returns when the last one was answered, by the monotonic clock."""
        since: float = max(_SINCE.unpack_from(self._memory, place + _COUNT.size)[0] for place in self._places)
        return since

    def forget(self, number: int) -> None:
        """Forgets who waited for a process that has ended: nobody is answered by it any more."""
        _COUNT.pack_into(self._memory, number * _PLACE_BYTES, 0)

    def close(self) -> None:
        """Gives the memory back."""
        self._memory.close()


class WaitingHere:
    """What one web process writes."""

    def __init__(self, file: int, processes: int, number: int) -> None:
        self._memory = mmap.mmap(file, processes * _PLACE_BYTES)
        self._place = number * _PLACE_BYTES

    def tell(self, count: int) -> None:
        """Writes how many wait."""
        _COUNT.pack_into(self._memory, self._place, count)
        if not count:
            _SINCE.pack_into(self._memory, self._place + _COUNT.size, time.monotonic())


def make_waiting_file(processes: int) -> int:
    """Makes the memory. Returns its file."""
    return make_shared_file("passerelle-waiting", processes * _PLACE_BYTES)
