"""Resolves a name to addresses, by the system's resolver."""

import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import cache, partial
from typing import Final

from directory.networks.callers import Caller, current_caller
from directory.networks.places import Room
from directory.networks.threads import Threads

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
        self._threads = Threads("resolver", room)

    async def run(self, host: str, caller: Caller) -> list[str]:
        """Looks a name up. Raises OSError, and Busy where the threads of a share are held."""
        return await self._threads.run(host, caller, partial(self._look_up, host))


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
