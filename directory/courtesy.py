"""Lets long work in this process give way to the people who wait for an answer of it.

One loop serves both. Work that comes in thousands of rows does a few of them at a time and gives way between: while
somebody waits, it goes on in small slices, so that it ends however many people come.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

GIVE_WAY_S: Final = 0.015
"""For how long a slice, which takes about half a millisecond, gives way at most."""
COUNTED_FOR_S: Final = 1.0
"""Who waits for longer waits for a host or for the database, not for this loop: nobody slows work down by keeping requests
under way."""


class _People:
    """Who waits for an answer of this process, and the work that waits for them."""

    waiting: Final[set[object]] = set()
    work: Final[set[asyncio.Future[None]]] = set()


def count_waiting() -> int:
    """Counts who waits."""
    return len(_People.waiting)


@contextmanager
def somebody_waits() -> Iterator[None]:
    """Counts somebody as waiting until the block ends, for `COUNTED_FOR_S` at most."""
    person = object()
    _People.waiting.add(person)
    timer = asyncio.get_running_loop().call_later(COUNTED_FOR_S, _leave, person)
    try:
        yield
    finally:
        timer.cancel()
        _leave(person)


def _leave(person: object) -> None:
    _People.waiting.discard(person)
    if not _People.waiting:
        for turn in _People.work:
            turn.cancel()


async def give_way() -> None:
    """Lets everything else run that is ready; and while somebody waits, for `GIVE_WAY_S` at most, whatever becomes ready."""
    await asyncio.sleep(0)
    if not _People.waiting:
        return
    turn = asyncio.get_running_loop().create_future()
    _People.work.add(turn)
    try:
        await asyncio.wait({turn}, timeout=GIVE_WAY_S)
    finally:
        _People.work.discard(turn)
