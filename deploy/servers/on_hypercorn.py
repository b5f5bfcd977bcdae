"""Serves with Hypercorn."""

import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config

from deploy.edge.heads import MAX_HEAD_BYTES
from deploy.ports import BACKLOG
from deploy.servers.bounds import GRACEFUL_S, KEEP_ALIVE_S
from deploy.servers.dated_config import DatedConfig
from deploy.servers.plain_exchanges import take_plain_exchanges

QUEUED_PIECES: Final = 2
"""Of 64 KiB each: of a body that nobody takes, no more is read."""


async def serve(application: Any, listener: socket.socket, until: Callable[[], Awaitable[object]]) -> None:
    """Serves until `until`, which is called once it listens, returns."""
    take_plain_exchanges()
    config = bounded_config()
    config.bind = [f"fd://{listener.detach()}"]
    shutdown: Any = until
    await hypercorn_serve(application, config, shutdown_trigger=shutdown)


def bounded_config() -> Config:
    """Limits what a caller may hold open. There is no access log: paths hold what was looked up."""
    config = DatedConfig()
    config.accesslog = None
    config.errorlog = "-"
    config.loglevel = "WARNING"
    config.graceful_timeout = GRACEFUL_S
    config.keep_alive_timeout = KEEP_ALIVE_S
    # None: it would run while an answer is made, and end the reading of a connection whose answer was slow. What is read
    # too slowly ends at the guard (heads) and in the application (bodies).
    config.read_timeout = None
    config.backlog = BACKLOG
    config.max_app_queue_size = QUEUED_PIECES
    config.h11_max_incomplete_size = MAX_HEAD_BYTES
    config.include_server_header = False
    return config
