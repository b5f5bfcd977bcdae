"""The event loop that servers run on. Whatever listens on it is guarded."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

import uvloop

from deploy.edge.connection import GuardedConnection, ServerProtocol
from deploy.edge.places import EdgeLimits, Places
from deploy.edge.sharing import SharedListener
from directory.shared_waiting import WaitingHere

SWEEP_S: Final = 1.0


class GuardingLoop(uvloop.Loop):
    """An event loop whose listeners hand each connection to a `GuardedConnection` first."""

    def __init__(self) -> None:
        super().__init__()
        self.places = Places(EdgeLimits())
        self._sweep: asyncio.TimerHandle | None = None
        self._board: WaitingHere | None = None

    def share_arrivals(self, board: WaitingHere) -> None:
        """Has listeners take what arrives as one of several processes."""
        self._board = board
        self.places.told = board.tell_connections

    async def create_server(self, protocol_factory: Any, *args: Any, **named: Any) -> Any:
        """Listens, as each loop does, with a guard around the protocol."""
        if self._sweep is None:
            self._sweep = self.call_later(SWEEP_S, self._check_times)
        guarded = self._guarded(protocol_factory)
        if self._board is not None and (listening := named.get("sock")) is not None:
            return SharedListener(self, listening, guarded, self._board)
        return await super().create_server(guarded, *args, **named)

    def call_exception_handler(self, context: Any) -> None:
        """Tells of a failure in a callback. That a connection was cancelled at the end is none, though Python 3.11's streams
        raise it there."""
        if not isinstance(context.get("exception"), asyncio.CancelledError):
            super().call_exception_handler(context)

    def end_all_after(self, seconds: float) -> None:
        """Ends what is still connected then: whoever does not read an answer would keep the server from its end."""
        self.call_later(seconds, self._end_all)

    def _end_all(self) -> None:
        for connection in self._connections():
            connection.end()

    def end_silent(self) -> None:
        """Ends the connections on which nothing was asked: the server does not know them."""
        for connection in self._connections():
            connection.end_if_silent()

    def note_answered(self, peer: tuple[str, int] | None) -> None:
        """Tells the connection of a caller that the application has answered it."""
        connection = self.places.find(peer)
        if connection is not None:
            cast("GuardedConnection", connection).note_answered()

    def _guarded(self, make_server: ServerProtocol) -> Callable[[], GuardedConnection]:
        return lambda: GuardedConnection(make_server, self.places, self.time)

    def _check_times(self) -> None:
        now = self.time()
        for connection in self._connections():
            connection.check_time(now)
        self._sweep = self.call_later(SWEEP_S, self._check_times)

    def _connections(self) -> list[GuardedConnection]:
        return cast("list[GuardedConnection]", self.places.all())


def guarding_loop(limits: EdgeLimits) -> GuardingLoop:
    """Returns a loop that takes so many connections."""
    loop = GuardingLoop()  # uvloop's takes no arguments
    loop.places = Places(limits)
    return loop
