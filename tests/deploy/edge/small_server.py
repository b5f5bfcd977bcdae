"""A server with a small application, in a thread: the shipped guard and server, with limits as a test chooses them."""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from deploy.edge.loop import GuardingLoop, guarding_loop
from deploy.edge.places import EdgeLimits
from deploy.ports import free_port
from deploy.web_server import serve_application
from directory.settings import Server, Settings
from tests.harness.raw import RawConnection
from tests.harness.waiting import wait_until
from web.middleware.bodies import BodyTooSlow

WAIT_S = 30
SERVER: Final = Server(os.environ.get("PASSERELLE_TEST_SERVER", "hypercorn"))
"""The tests of this folder can be run with Uvicorn, too, which has the same guard before it."""
LARGE_BYTES = 64 * 2**20


class SmallServer:
    """Answers GET /slow once `let_go` is called, /large with 64 MiB, and others with their path; bodies are not read, but at /reads, which
    answers with what is said to be forwarded, too."""

    def __init__(self, limits: EdgeLimits, server: Server) -> None:
        self.port = free_port()
        self._server = server
        self.loop: GuardingLoop = guarding_loop(limits)
        self.is_asked = threading.Event()
        self.slow_bodies = 0
        self._held = asyncio.Event()
        self._ended = asyncio.Event()
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="small-server")

    @property
    def connections(self) -> int:
        return len(self.loop.places)

    def end(self) -> None:
        """Tells it to end, and does not wait."""
        self.loop.call_soon_threadsafe(self._ended.set)

    def let_go(self) -> None:
        self.loop.call_soon_threadsafe(self._held.set)

    def start(self) -> None:
        self._thread.start()
        assert self._is_up.wait(WAIT_S)
        assert wait_until(self._listens, WAIT_S)
        assert wait_until(lambda: self.connections == 0, WAIT_S)

    def _listens(self) -> bool:
        try:
            RawConnection(self.port).socket.close()
        except ConnectionRefusedError:
            return False
        return True

    def stop(self) -> None:
        if not self.loop.is_closed():
            self.end()
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(
                serve_application(
                    self._application, Settings(port=self.port, server=self._server), self._ended.wait
                )
            )

    async def _read(self, receive: Any) -> None:
        try:
            while (await receive()).get("more_body"):
                pass
        except BodyTooSlow:
            self.slow_bodies += 1

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            self._is_up.set()
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        path = scope["path"].encode()
        if path == b"/reads":
            await self._read(receive)
            path += b"".join(value for name, value in scope["headers"] if name.lower() == b"x-forwarded-for")
        if path == b"/slow":
            self.is_asked.set()
            await self._held.wait()
        body = bytes(LARGE_BYTES) if path == b"/large" else path
        length = str(len(body)).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": body})


@contextmanager
def small_server(
    connections: int = 64, of_one_address: int = 64, server_name: Server = SERVER
) -> Iterator[SmallServer]:
    server = SmallServer(EdgeLimits(connections, of_one_address), server_name)
    server.start()
    try:
        yield server
    finally:
        server.stop()
