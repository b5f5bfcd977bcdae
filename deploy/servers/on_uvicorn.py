"""Serves with Uvicorn, an extra of the package: `passerelle[uvicorn]`. The guard stands before it, as before Hypercorn."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from deploy.edge.heads import MAX_HEAD_BYTES
from deploy.ports import BACKLOG
from deploy.servers.bounds import GRACEFUL_S, KEEP_ALIVE_S

MOST_BESIDE_BODY_BYTES: Final = 64 * 2**10
"""Of a head, the lines of chunks and what follows the last: more in one go ends the connection. What is read at once may be more."""


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's own takes what follows the last chunk of a body for headers of its request, as if a proxy had written them, and
    has httptools join an endless one. Here they are left out, and bounded."""

    _in_message = False
    _has_head = False
    _beside_body = 0

    def data_received(self, data: bytes) -> None:
        """Ends the connection of who sends too much of what is no body."""
        self._beside_body += len(data)
        super().data_received(data)
        if self._in_message and self._beside_body > MOST_BESIDE_BODY_BYTES:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """Begins to take headers."""
        self._in_message, self._has_head = True, False
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a header, unless it comes after the head."""
        if not self._has_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Takes no more headers."""
        self._has_head = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Counts anew: the application bounds bodies."""
        self._beside_body = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Counts anew for the next request."""
        self._in_message, self._beside_body = False, 0
        super().on_message_complete()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals to whoever runs the process."""
        yield


class _BrokenOff(logging.Filter):
    """Leaves out that an answer was broken off at the end, which Uvicorn tells as a fault of the application."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


_BROKEN_OFF: Final = _BrokenOff()


async def serve(application: Any, listener: socket.socket, until: Callable[[], Awaitable[object]]) -> None:
    """Serves until `until`, which is called once it listens, returns."""
    logging.getLogger("uvicorn.error").addFilter(_BROKEN_OFF)  # once, however often
    server = _Server(_config(application))
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="uvicorn")
    ending = asyncio.create_task(_end_after(server, until))
    try:
        await serving
    finally:
        ending.cancel()


async def _end_after(server: uvicorn.Server, until: Callable[[], Awaitable[object]]) -> None:
    await until()
    server.should_exit = True


def _config(application: Any) -> uvicorn.Config:
    """Limits what a caller may hold open. There is no access log: paths hold what was looked up. Callers' addresses are read
    behind proxies by the application alone."""
    return uvicorn.Config(
        application,
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=int(KEEP_ALIVE_S),
        timeout_graceful_shutdown=int(GRACEFUL_S),
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )
