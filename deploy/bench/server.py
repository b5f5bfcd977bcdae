"""Runs the server to measure: the real application in a process of its own, with an empty handler added."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
from hypercorn.asyncio import serve
from litestar import get

from deploy.serve import hypercorn_config, new_loop, spare_the_collector
from deploy.wiring.instance import open_services
from directory.settings import Settings
from web.app import create_app

EMPTY_PATH = "/api/v1/empty"
READY = "ready"


@get(EMPTY_PATH)
async def empty() -> dict[str, str]:
    """The reference: an empty JSON object, behind everything that runs before each handler."""
    return {}


def main(dsn: str, port: str) -> None:
    """Serves until standard input ends."""
    settings = Settings(port=int(port), rate_lookups_per_minute=0, rate_pairs_per_minute=0)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_serve(settings, dsn))


async def _serve(settings: Settings, dsn: str) -> None:
    async with open_services(settings, dsn) as services:
        stdin_ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        sys.stdout.write(READY + "\n")
        sys.stdout.flush()

        async def until_stdin_ends() -> None:
            await stdin_ended

        app = create_app(services, [empty])
        spare_the_collector()
        await serve(app, hypercorn_config(settings), shutdown_trigger=until_stdin_ends)  # type: ignore[arg-type]


class MeasuredServer:
    """A running server: its port and its memory."""

    def __init__(self, port: int, process: psutil.Process) -> None:
        self.port = port
        self._process = process

    def resident_bytes(self) -> int:
        """Returns its present memory."""
        return int(self._process.memory_info().rss)


@asynccontextmanager
async def measured_server(dsn: str, port: int) -> AsyncIterator[MeasuredServer]:
    """Starts the server, waits until it listens, and stops it at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "deploy.bench.server",
        dsn,
        str(port),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        if process.stdout is None or process.stdin is None:
            raise RuntimeError("the server has no pipes")
        await process.stdout.readline()
        await _wait_until_listening(port)
        yield MeasuredServer(port, psutil.Process(process.pid))
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


async def _wait_until_listening(port: int) -> None:
    for _ in range(500):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
    raise RuntimeError("the server does not listen")


if __name__ == "__main__":
    main(*sys.argv[1:])
