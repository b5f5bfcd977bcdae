"""Resolves a name to addresses, by the system's resolver."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final

# Returns a name's addresses as texts, in the order to try them. Raises OSError where there are none.
Resolve = Callable[[str], Awaitable[Sequence[str]]]

# A name server that never answers holds a thread for as long as the system waits for it.
RESOLVER_THREADS: Final = 32


async def resolve_by_system(host: str) -> Sequence[str]:
    """Resolves a name to its addresses, in the system's order of preference. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(_threads(), _look_up, host)
    return list(dict.fromkeys(found))


def _look_up(host: str) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


@cache
def _threads() -> ThreadPoolExecutor:
    """Makes a pool of its own: slow name servers must not block other work in threads."""
    return ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="resolver")
