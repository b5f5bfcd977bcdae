"""Serves with Granian, an extra of the package: `passerelle[granian]`. It reads its sockets in Rust: no guard stands before it,
and it belongs behind a proxy that bounds what callers hold (docs/security.md, "The edge")."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, Final

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import embed

from deploy.edge.connection import HEAD_S
from deploy.edge.heads import MAX_HEAD_BYTES
from deploy.edge.open_files import MOST_CONNECTIONS
from deploy.ports import BACKLOG
from deploy.servers.bounds import GRACEFUL_S

_IS_UDS: Final = False
_granian: Any = import_module("granian._granian")  # its types do not tell how a holder of a socket is made


_NAME: Final = (b"server", b"passerelle")
"""Else Granian names itself."""


class _Server(embed.Server):
    """Listens on a socket of ours: Granian's own would be another beside it, on which the system shares out arrivals."""

    def __init__(self, application: Any, listener: socket.socket) -> None:
        super().__init__(
            _named(application),
            interface=Interfaces.ASGI,
            http=HTTPModes.http1,
            websockets=False,
            backlog=BACKLOG,
            backpressure=MOST_CONNECTIONS,
            http1_settings=HTTP1Settings(
                header_read_timeout=int(HEAD_S * 1000), keep_alive=True, max_buffer_size=MAX_HEAD_BYTES
            ),
            log_enabled=False,
            log_level=LogLevels.warning,
            log_access=False,
        )
        self.workers_kill_timeout = int(GRACEFUL_S)
        self._listener = listener

    def _init_shared_socket(self) -> None:
        held: Any = self
        held._sfd = self._listener.detach()
        held._shd = _granian.SocketHolder(held._sfd, _IS_UDS, BACKLOG)


async def serve(application: Any, listener: socket.socket, until: Callable[[], Awaitable[object]]) -> None:
    """Serves until `until`, which is called once it listens, returns."""
    server = _Server(application, listener)
    serving = asyncio.create_task(server.serve(), name="granian")
    ending = asyncio.create_task(_end_after(server, until))
    try:
        await serving
    finally:
        ending.cancel()


async def _end_after(server: _Server, until: Callable[[], Awaitable[object]]) -> None:
    await until()
    server.signal_handler_interrupt()  # type: ignore[no-untyped-call]  # its types do not tell it


def _named(application: Any) -> Any:
    """Returns an application whose answers name no program."""

    async def named(scope: Any, receive: Any, send: Any) -> None:
        async def send_named(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], _NAME]
            await send(message)

        await application(scope, receive, send_named)

    return named
