"""Lets long work in this process give way to the people who wait for an answer of it.

One loop serves both. Work that comes in thousands of rows does a few of them at a time and asks for a turn before each
piece. While somebody waits, turns are handed out one by one, to all work together: many tasks that each waited by themselves
would all go on at the same moment.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

GIVE_WAY_S: Final = 0.015
"""From one turn to the next while somebody waits. A piece of work takes about half a millisecond of this loop."""
QUIET_S: Final = 0.004
"""When nobody has waited for so long, work goes on: whoever asks one thing after the other has short pauses between."""
COUNTED_FOR_S: Final = 1.0
"""Who waits for longer waits for a host or for the database, not for this loop: nobody slows work down by keeping requests
under way."""

_people: Final[set[object]] = set()
"""Who waits for an answer of this process."""


class _Turns:
    """Hands out turns to all work of this process, in the order in which it asked. However many people come, the next turn
    is `GIVE_WAY_S` away at most, whatever becomes of those who had one before."""

    def __init__(self) -> None:
        self._asking: deque[asyncio.Future[None]] = deque()
        self._next: asyncio.Handle | None = None
        self._due = 0.0
        """When the next turn is handed out at the latest, by the clock of the loop."""

    def __len__(self) -> int:
        return len(self._asking)

    async def take(self) -> None:
        """Waits for a turn. Whoever is cancelled meanwhile asks no more."""
        turn = asyncio.get_running_loop().create_future()
        self._asking.append(turn)
        self._schedule()
        try:
            await turn
        finally:
            if turn in self._asking:
                self._asking.remove(turn)
            if not self._asking:
                self._unschedule()

    def hear_quiet(self) -> None:
        """Hands out the next turn earlier, if it stays quiet: nobody waits any more."""
        if self._next is not None:
            self._next.cancel()
            loop = asyncio.get_running_loop()
            self._next = loop.call_at(min(loop.time() + QUIET_S, self._due), self._hand_out_if_quiet)

    def _schedule(self) -> None:
        if self._next is None and self._asking:
            loop = asyncio.get_running_loop()
            self._due = loop.time() + (GIVE_WAY_S if _people else 0)
            self._next = loop.call_at(self._due, self._hand_out)

    def _unschedule(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _hand_out_if_quiet(self) -> None:
        if _people:
            self._next = asyncio.get_running_loop().call_at(self._due, self._hand_out)
        else:
            self._hand_out()

    def _hand_out(self) -> None:
        self._next = None
        while self._asking:
            turn = self._asking.popleft()
            if not turn.done():
                turn.set_result(None)
                break
        self._schedule()


_turns: Final = _Turns()


def count_waiting() -> int:
    """Counts who waits."""
    return len(_people)


@contextmanager
def somebody_waits() -> Iterator[None]:
    """Counts somebody as waiting until the block ends, for `COUNTED_FOR_S` at most."""
    person = object()
    _people.add(person)
    timer = asyncio.get_running_loop().call_later(COUNTED_FOR_S, _leave, person)
    try:
        yield
    finally:
        timer.cancel()
        _leave(person)


def _leave(person: object) -> None:
    _people.discard(person)
    if not _people:
        _turns.hear_quiet()


async def give_way() -> None:
    """Lets everything else run that is ready; and while somebody waits, whatever becomes ready until it is this work's turn:
    one piece of all work is done in each `GIVE_WAY_S`."""
    await asyncio.sleep(0)
    if _people or _turns:
        await _turns.take()
