"""Ends what takes too long, with one timer for all who may take equally long: a timer of its own costs each as much as many
another part of its answer."""

import asyncio
from collections.abc import Callable
from itertools import takewhile
from typing import Generic, TypeVar

T = TypeVar("T")


class Deadlines(Generic[T]):
    """Has `end` called, in the loop, with each that was begun and is not done after `after_s`.

    Each is told from the others by its identity as a key of a dictionary. Between the last that is done and the next timer
    nothing is held but the timer itself.
    """

    def __init__(self, after_s: float, end: Callable[[T], None]) -> None:
        self._after_s = after_s
        self._end = end
        self._due: dict[T, float] = {}
        """When each is to end, by the clock of the loop. They were begun in this order, so the first is due first."""
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self, each: T) -> None:
        """Begins to count the time of one."""
        loop = asyncio.get_running_loop()
        self._due[each] = loop.time() + self._after_s
        if self._timer is None or self._loop is not loop:
            self._loop = loop
            self._timer = loop.call_later(self._after_s, self._look)

    def done(self, each: T) -> None:
        """Counts the time of one no more. Once is enough; later it does nothing."""
        self._due.pop(each, None)

    def _look(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        late = list(takewhile(lambda pair: pair[1] <= now, self._due.items()))
        for each, _ in late:
            del self._due[each]
            loop.call_soon(self._end, each)
        if self._due:
            self._timer = loop.call_at(next(iter(self._due.values())), self._look)
