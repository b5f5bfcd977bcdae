"""Threads for work that waits for another server: nobody holds more than a share of them.

Such work would hold up everything else that is done in threads, and strangers name the servers.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from directory.networks.callers import Caller
from directory.networks.errors import Busy
from directory.networks.places import Room, Share, shares_of

T = TypeVar("T")


class Threads:
    """A pool of threads, in shares as the places for requests are. None waits for a thread: it has one, or is refused.

    A share is held until the work has ended, even where nobody waits for it any more.
    """

    def __init__(self, name: str, room: Room) -> None:
        self._name = name
        self._room = room
        self._held: Counter[Share] = Counter()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(room.places, thread_name_prefix=name)

    async def run(self, host: str, caller: Caller, work: Callable[[], T]) -> T:
        """Runs work about a host in a thread. Raises what it raises, and Busy where the threads of a share are held."""
        shares = shares_of(host, caller, self._room)
        with self._lock:
            if any(self._held[share] >= share.places for share in shares):
                raise Busy(host, f"too many threads are held: {self._name}")
            self._held.update(shares)
        running: Future[T] = self._pool.submit(work)
        running.add_done_callback(lambda _: self._let_go(shares))
        return await asyncio.wrap_future(running)

    def _let_go(self, shares: Sequence[Share]) -> None:
        with self._lock:
            self._held.subtract(shares)
            for share in shares:
                if not self._held[share]:
                    del self._held[share]
