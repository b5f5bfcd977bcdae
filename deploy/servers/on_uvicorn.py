"""Serves with Uvicorn, an extra of the package: `passerelle[uvicorn]`. The guard stands before it, as before Hypercorn."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn

from deploy.edge.heads import MAX_HEAD_BYTES
from deploy.ports import BACKLOG
from deploy.servers.bounds import GRACEFUL_S, KEEP_ALIVE_S


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
        http="httptools",
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
