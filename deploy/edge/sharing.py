"""Takes connections from a socket that other processes listen on, too, so that each has about as many.

The system wakes all of them for an arrival, and a loop as it comes takes all that have arrived: whoever is first has most for as
long as they last. Here each takes one at a time, and whoever has more than another leaves the next to it for a moment.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Final

import structlog

from directory.shared_waiting import WaitingHere

LEAVES_S: Final = 0.002
"""For how long an arrival is left to others. One that does not run takes none: then it is taken here."""
AFTER_FAILURE_S: Final = 0.5

log = structlog.get_logger(__name__)


class SharedListener:
    """Listens as the server of a loop does (`asyncio.Server`)."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listening: socket.socket,
        make: Callable[[], asyncio.BaseProtocol],
        board: WaitingHere,
    ) -> None:
        self._loop = loop
        self._socket = listening
        self._make = make
        self._board = board
        self._taking: set[asyncio.Task[Any]] = set()
        self._later: asyncio.TimerHandle | None = None
        self._socket.setblocking(False)
        self._begin()

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        return (self._socket,)

    def close(self) -> None:
        """Takes no more arrivals here. The others do."""
        if self._socket.fileno() < 0:
            return
        self._end()
        if self._later is not None:
            self._later.cancel()
        self._socket.close()

    async def wait_closed(self) -> None:
        """Waits until those that were taken are handed on."""
        if self._taking:
            await asyncio.wait(self._taking)

    def _begin(self) -> None:
        self._later = None
        self._loop.add_reader(self._socket.fileno(), self._arrives)

    def _end(self) -> None:
        self._loop.remove_reader(self._socket.fileno())

    def _arrives(self) -> None:
        if self._board.has_most_connections():
            self._end()
            self._later = self._loop.call_later(LEAVES_S, self._take_what_is_left)
        else:
            self._take()

    def _take_what_is_left(self) -> None:
        self._begin()
        self._take()

    def _take(self) -> None:
        try:
            taken, _ = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            log.warning("a connection could not be taken", reason=error.strerror)
            self._end()
            self._later = self._loop.call_later(AFTER_FAILURE_S, self._begin)
            return
        taken.setblocking(False)
        task = self._loop.create_task(self._hand_on(taken))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)

    async def _hand_on(self, taken: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make, taken)
        except OSError:
            taken.close()  # it has ended meanwhile
