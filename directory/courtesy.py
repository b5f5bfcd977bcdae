"""Lets long work in this process give way to the people who wait for an answer of it.

One loop serves both. Work that comes in thousands of rows does a few of them at a time and asks for a turn before each
piece. While somebody waits, turns are handed out one by one, to all work together: many tasks that each waited by themselves
would all go on at the same moment.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, Self

from directory.deadlines import Deadlines

GIVE_WAY_S: Final = 0.015
"""From one turn to the next while somebody waits. A piece of work takes about half a millisecond of this loop."""
QUIET_S: Final = 0.004
"""For how long nobody has waited before a piece that keeps the database busy, too: whoever asks one thing after the other
has short pauses between."""
EARLY_S: Final = 0.004
"""From one turn of a list to the next where this loop has room: people wait for lists, too."""
ROOM_SHARE: Final = 0.75
"""A loop that was at work for less of the time since the last turn has room: who waits then waits for something else."""
CROWD: Final = 8
"""So many callers who wait with their lists for a place are a crowd: many people, or one with many networks."""
CROWD_S: Final = 0.006
"""From one turn of a list to the next, for a crowd: then lists take up to twice as much of this loop as else."""
LATE_S: Final = 0.002
"""A loop whose timer comes later than that waits for a processor itself, or was at work: it has no room."""
CLOCK_S: Final = 0.001
"""A timer of the loop may come so much early."""
COUNTED_FOR_S: Final = 1.0
"""Who waits for longer waits for a host or for the database, not for this loop: nobody slows work down by keeping requests
under way."""

_people: Final[set[object]] = set()
"""Who waits for an answer of this process."""


class _Turns:
    """Hands out turns to all work of this process, in the order in which it asked. However many people come, the next turn
    is `GIVE_WAY_S` away at most, whatever becomes of those who had one before. With `early_s` it is so much away where the
    loop has room."""

    def __init__(self, early_s: float | None = None) -> None:
        self._early_s = early_s
        self._since = 0.0
        """When the last turn was handed out, or asked for where none was, and what the loop had worked by then."""
        self._worked = 0.0
        self._looks_at = 0.0
        self._is_late = False
        self._asking: deque[tuple[asyncio.Future[None], float]] = deque()
        self._next: asyncio.Handle | None = None
        self._due = 0.0
        """When the next turn is handed out at the latest, by the clock of the loop."""
        self._quiet_since = -QUIET_S

    def may_begin(self, quiet_s: float) -> bool:
        """Tells whether a piece that asks for such a quiet needs no turn now."""
        if self._asking or _does_anybody_wait():
            return False
        return not quiet_s or asyncio.get_running_loop().time() >= self._quiet_from() + quiet_s

    async def take(self, quiet_s: float) -> None:
        """Waits for a turn. Whoever is cancelled meanwhile asks no more."""
        asked = asyncio.get_running_loop().create_future(), quiet_s
        self._asking.append(asked)
        self._schedule()
        try:
            await asked[0]
        finally:
            if asked in self._asking:
                self._asking.remove(asked)
            if not self._asking:
                self._unschedule()

    def hear_quiet(self) -> None:
        """Hands out the next turn earlier, if it stays quiet: nobody waits any more."""
        self._quiet_since = asyncio.get_running_loop().time()
        if self._next is not None:
            self._look_again()

    def _schedule(self) -> None:
        if self._next is None and self._asking:
            self._since = asyncio.get_running_loop().time()
            self._worked = time.thread_time()
            self._due = self._since + self._way_s()
            self._look_again()

    def _way_s(self) -> float:
        """Returns how long others have before the next turn."""
        is_crowd = self._early_s is not None and _others.lists >= CROWD
        return CROWD_S if is_crowd else GIVE_WAY_S

    def _look_again(self) -> None:
        """Looks at the moment from which on the next piece may begin, if nobody comes until then."""
        self._unschedule()
        if self._asking:
            loop = asyncio.get_running_loop()
            looks_at = self._next_at()
            if self._early_s is not None:
                looks_at = min(looks_at, loop.time() + self._early_s)
            self._looks_at = looks_at
            self._next = loop.call_at(looks_at, self._look)

    def _next_at(self) -> float:
        _, quiet_s = self._asking[0]
        if not _does_anybody_wait():
            return min(self._quiet_from() + quiet_s, self._due)
        if self._early_s is None or self._is_late or not self._has_room():
            return self._due
        return self._since + self._early_s

    def _has_room(self) -> bool:
        passed = asyncio.get_running_loop().time() - self._since
        return time.thread_time() - self._worked <= ROOM_SHARE * passed

    def _quiet_from(self) -> float:
        elsewhere = _others.elsewhere
        return self._quiet_since if elsewhere is None else max(self._quiet_since, elsewhere.quiet_since())

    def _look(self) -> None:
        self._next = None
        now = asyncio.get_running_loop().time()
        self._is_late = now > self._looks_at + LATE_S
        if self._asking and now < self._next_at() - CLOCK_S:
            self._look_again()
        else:
            self._hand_out()

    def _hand_out(self) -> None:
        while self._asking:
            turn, _ = self._asking.popleft()
            if not turn.done():
                turn.set_result(None)
                break
        self._schedule()

    def _unschedule(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None


_turns: Final = _Turns()
_list_turns: Final = _Turns(EARLY_S)
"""Of lists that people wait for: a thousand runs that ask for turns do not stand before them."""


class Elsewhere(Protocol):
    """Who waits for answers of other processes of this machine."""

    def does_anybody_wait(self) -> bool: ...

    def quiet_since(self) -> float:
        """Since when nobody does, by the monotonic clock, which is that of the loop."""


class _Others:
    """The other processes of this machine, where there are several: none by default."""

    def __init__(self) -> None:
        self.elsewhere: Elsewhere | None = None
        self.told: Callable[[int], None] | None = None
        self.lists = 0
        """How many callers wait with their lists for a place."""


_others: Final = _Others()


def give_way_to(elsewhere: Elsewhere | None) -> None:
    """Has the work of this process give way to those who wait for other processes, too."""
    _others.elsewhere = elsewhere


def tell_waiting(told: Callable[[int], None] | None) -> None:
    """Has somebody told how many wait for this process, whenever that changes."""
    _others.told = told


def tell_crowd(callers: int) -> None:
    """Takes how many callers wait with their lists for a place."""
    _others.lists = callers


def _tell() -> None:
    if _others.told is not None:
        _others.told(len(_people))


def _does_anybody_wait() -> bool:
    return bool(_people) or (_others.elsewhere is not None and _others.elsewhere.does_anybody_wait())


def count_waiting() -> int:
    """Counts who waits."""
    return len(_people)


class _Waiting:
    """Somebody who waits. Not a generator: it stands around each request."""

    __slots__ = ()

    def __enter__(self) -> Self:
        _people.add(self)
        _counted.begin(self)
        _tell()
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Waits no more. Once is enough; later it does nothing."""
        if self in _people:
            _counted.done(self)
            _leave(self)


def somebody_waits() -> _Waiting:
    """Counts somebody as waiting until the block ends, or `leave` is called, for `COUNTED_FOR_S` at most."""
    return _Waiting()


def _leave(person: object) -> None:
    _people.discard(person)
    _tell()
    if not _people:
        _turns.hear_quiet()
        _list_turns.hear_quiet()


_counted: Final = Deadlines[object](COUNTED_FOR_S, _leave)


async def give_way(quiet_s: float = 0.0) -> None:
    """Lets everything else run that is ready; and while somebody waits, whatever becomes ready until it is this work's turn:
    one piece of all work is done in each `GIVE_WAY_S`. It is done earlier once nobody has waited for `quiet_s`."""
    await asyncio.sleep(0)
    if not _turns.may_begin(quiet_s):
        await _turns.take(quiet_s)


def is_quiet() -> bool:
    """Whether nobody has waited for `QUIET_S`, and no list asks for a turn: a list may go on without one."""
    return _list_turns.may_begin(QUIET_S)


async def take_list_turn() -> None:
    """Lets everything else run that is ready; and unless it is quiet, whatever becomes ready until it is the turn of this
    list: all lists together have one turn in each `GIVE_WAY_S`, or `EARLY_S` where the loop has room, in the order in which
    they ask."""
    await asyncio.sleep(0)
    if not is_quiet():
        await _list_turns.take(QUIET_S)
