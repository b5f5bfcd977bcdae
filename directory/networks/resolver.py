"""Resolves a name to addresses, by the system's resolver."""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final

from directory.networks.callers import Caller, current_caller
from directory.networks.errors import Busy
from directory.networks.places import Room, Share, shares_of

# Returns a name's addresses as texts, in the order to try them. Raises OSError where there are none.
Resolve = Callable[[str], Awaitable[Sequence[str]]]

RESOLVER_THREADS: Final = 64
LOOKUPS: Final = Room(places=RESOLVER_THREADS, per_host=8, per_domain=8, per_caller=12, per_network=16)
"""Lookups that hold a thread at the same time. A caller's are more than their requests: those that are given up are
among them."""


class Lookups:
    """Runs lookups in threads, and limits how many of each share hold one.

    A name server that never answers holds a thread for as long as the system waits for it, also once nobody waits
    any more: without shares the names of one domain would hold them all.
    """

    def __init__(self, look_up: Callable[[str], list[str]], room: Room) -> None:
        self._look_up = look_up
        self._room = room
        self._held: Counter[Share] = Counter()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(room.places, thread_name_prefix="resolver")

    async def run(self, host: str, caller: Caller) -> list[str]:
        """Looks a name up. Raises OSError, and Busy where the threads of a share are held."""
        shares = shares_of(host, caller, self._room)
        with self._lock:
            if any(self._held[share] >= share.places for share in shares):
                raise Busy(host, "too many of our lookups are under way")
            self._held.update(shares)
        lookup = self._threads.submit(self._look_up, host)
        lookup.add_done_callback(lambda _: self._let_go(shares))
        return await asyncio.wrap_future(lookup)

    def _let_go(self, shares: Sequence[Share]) -> None:
        with self._lock:
            self._held.subtract(shares)
            for share in shares:
                if not self._held[share]:
                    del self._held[share]


async def resolve_by_system(host: str) -> Sequence[str]:
    """Resolves a name to its addresses, in the system's order of preference. Raises OSError, and Busy."""
    found = await _lookups().run(host, current_caller())
    return list(dict.fromkeys(found))


def _look_up(host: str) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


@cache
def _lookups() -> Lookups:
    """Makes threads of its own: slow name servers must not block other work in threads."""
    return Lookups(_look_up, LOOKUPS)
