"""Places for lists that are matched at the same time, so that memory stays bounded, and turns for who waits for one.

Callers have their turn one after the other, however many lists each of them sends.
"""

import asyncio
from collections import deque
from types import TracebackType
from typing import Final

from litestar.exceptions import TooManyRequestsException

from directory.courtesy import tell_crowd
from directory.networks.callers import current_caller

WAITING_OF_CALLER: Final = 64
"""Lists of one caller: as many as a class of pupils drops at once."""
WAITING: Final = 1_024
"""Lists of all callers. Each holds a megabyte or two while it waits. Beyond, whoever has most of them loses the last."""
RETRY_AFTER_S: Final = 5


class ListPlaces:
    """A number of places. Whoever waits is given one in the order of callers, and of the lists of each."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: dict[bytes, deque[asyncio.Future[None]]] = {}
        """In the order in which callers have their turn. None of them is without a list."""

    async def __aenter__(self) -> None:
        """Takes a place, after waiting for it. Raises TooManyRequestsException where too many wait."""
        if self._free:
            self._free -= 1
            return
        caller = current_caller().network
        self._make_room(caller)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(turn)
        tell_crowd(len(self._waiting))
        try:
            await turn
        except asyncio.CancelledError:
            self._leave(caller, turn)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Gives the place to the next, or back."""
        self._hand_on()

    def _make_room(self, caller: bytes) -> None:
        of_caller = len(self._waiting.get(caller, ()))
        if of_caller >= WAITING_OF_CALLER:
            raise _refused()
        if sum(map(len, self._waiting.values())) >= WAITING:
            most = max(self._waiting.values(), key=len)
            if len(most) <= of_caller + 1:
                raise _refused()
            last = most.pop()  # they have others
            if not last.done():
                last.set_exception(_refused())

    def _hand_on(self) -> None:
        while self._waiting:
            caller = next(iter(self._waiting))
            lists = self._waiting.pop(caller)
            turn = lists.popleft()
            if lists:
                self._waiting[caller] = lists  # behind all others
            tell_crowd(len(self._waiting))
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _leave(self, caller: bytes, turn: asyncio.Future[None]) -> None:
        """Waits no more. A place that was given meanwhile is handed on."""
        if not turn.cancelled():
            if turn.exception() is None:
                self._hand_on()
        elif turn in self._waiting.get(caller, ()):
            self._waiting[caller].remove(turn)
            if not self._waiting[caller]:
                del self._waiting[caller]
                tell_crowd(len(self._waiting))


def _refused() -> TooManyRequestsException:
    return TooManyRequestsException(headers={"retry-after": str(RETRY_AFTER_S)})
