"""A server with a small application, in a thread: the shipped guard and server, with limits as a test chooses them."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from deploy.edge.loop import GuardingLoop, guarding_loop
from deploy.edge.places import EdgeLimits
from deploy.ports import free_port
from deploy.web_server import serve_application
from directory.settings import Settings
from tests.harness.raw import RawConnection
from tests.harness.waiting import wait_until

WAIT_S = 30
LARGE_BYTES = 64 * 2**20


class SmallServer:
    """Answers GET /slow once `let_go` is called, /large with 64 MiB, and others with their path; bodies are not read."""

    def __init__(self, limits: EdgeLimits) -> None:
        self.port = free_port()
        self.loop: GuardingLoop = guarding_loop(limits)
        self.is_asked = threading.Event()
        self._held = asyncio.Event()
        self._ended = asyncio.Event()
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="small-server")

    @property
    def connections(self) -> int:
        return len(self.loop.places)

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
        self.loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(serve_application(self._application, Settings(port=self.port), self._ended.wait))

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            self._is_up.set()
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        path = scope["path"].encode()
        if path == b"/slow":
            self.is_asked.set()
            await self._held.wait()
        body = bytes(LARGE_BYTES) if path == b"/large" else path
        length = str(len(body)).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": body})


@contextmanager
def small_server(connections: int = 64, of_one_address: int = 64) -> Iterator[SmallServer]:
    server = SmallServer(EdgeLimits(connections, of_one_address))
    server.start()
    try:
        yield server
    finally:
        server.stop()
