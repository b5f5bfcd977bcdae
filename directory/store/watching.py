"""Looks at a server each moment, over a connection of its own: what all others wait for must not wait behind them."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Final

from directory.errors import DirectoryUnavailable
from directory.store.database import DRIVER_TROUBLE, Connection, connect

LOOK_EVERY_S: Final = 0.3
LOOK_TIMEOUT_S: Final = 1.0
"""For a look and for a new connection: a server that takes longer does not answer."""
AGAIN_AFTER_S: Final = 1.0
"""After a look that failed."""
TROUBLE: Final = (OSError, DirectoryUnavailable, *DRIVER_TROUBLE)


class Watch(ABC):
    """Looks at one server until it is closed. No fault ends it."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    async def opened(self, connection: Connection) -> None:
        """Is told of a new connection, before the first look."""

    @abstractmethod
    async def look(self, connection: Connection) -> None:
        """Looks once."""

    @abstractmethod
    def failed(self, error: Exception) -> None:
        """Is told that a look failed: the server does not answer, or refuses."""

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="watch of a database")

    async def close(self) -> None:
        """Ends the watch, without waiting for a server that does not answer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._drop()

    async def _run(self) -> None:
        while True:
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next look may be better
                self._drop()
                self.failed(error)
                await asyncio.sleep(AGAIN_AFTER_S)
            else:
                await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> None:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self.dsn, timeout_s=LOOK_TIMEOUT_S)
            await self._in_time(self._connection, is_new=True)
        await self._in_time(self._connection, is_new=False)

    async def _in_time(self, connection: Connection, *, is_new: bool) -> None:
        """Ends the connection where an answer takes too long: breaking off a statement would take the server, too."""
        timer = asyncio.get_running_loop().call_later(LOOK_TIMEOUT_S, connection.terminate)
        try:
            await (self.opened(connection) if is_new else self.look(connection))
        finally:
            timer.cancel()

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(*TROUBLE):
                self._connection.terminate()
        self._connection = None
