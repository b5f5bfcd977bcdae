"""What web processes tell each other and the process of the jobs: how many wait for each, so that long work gives way
(`directory/courtesy.py`), and how many connections each has, so that arrivals are shared out.

Each writes into a place of its own, and reads those of the others.
"""

import mmap
import struct
import time
from typing import Final

from directory.shared_memory import make_shared_file

_COUNT: Final = struct.Struct("<Q")
_SINCE: Final = struct.Struct("<d")
_CONNECTIONS: Final = struct.Struct("<q")
_CONNECTIONS_AT: Final = _COUNT.size + _SINCE.size
_NONE_RUNS: Final = 2**40
"""In the place of a process that has ended: nobody leaves arrivals to it."""
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
        _CONNECTIONS.pack_into(self._memory, number * _PLACE_BYTES + _CONNECTIONS_AT, _NONE_RUNS)

    def close(self) -> None:
        """Gives the memory back."""
        self._memory.close()


class WaitingHere:
    """What one web process writes."""

    def __init__(self, file: int, processes: int, number: int) -> None:
        self._memory = mmap.mmap(file, processes * _PLACE_BYTES)
        self._place = number * _PLACE_BYTES
        self._places = range(0, processes * _PLACE_BYTES, _PLACE_BYTES)
        self._connections = 0
        self.tell(0)
        self.tell_connections(0)

    def tell(self, count: int) -> None:
        """Writes how many wait."""
        _COUNT.pack_into(self._memory, self._place, count)
        if not count:
            _SINCE.pack_into(self._memory, self._place + _COUNT.size, time.monotonic())

    def tell_connections(self, count: int) -> None:
        """Writes how many connections this process has."""
        self._connections = count
        _CONNECTIONS.pack_into(self._memory, self._place + _CONNECTIONS_AT, count)

    def has_most_connections(self) -> bool:
        """Tells whether another process has fewer."""
        memory = self._memory
        return any(
            _CONNECTIONS.unpack_from(memory, place + _CONNECTIONS_AT)[0] < self._connections
            for place in self._places
        )


def make_waiting_file(processes: int) -> int:
    """Makes the memory. Returns its file."""
    return make_shared_file("passerelle-waiting", processes * _PLACE_BYTES)
