"""Starts the server to measure, in a process of its own."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import psutil

EMPTY_PATH: Final = "/api/v1/empty"
HOLD_PATH: Final = "/api/v1/hold"
BARE_PATH: Final = "/bare"
"""Answered before anything of ours runs: what the server takes by itself."""
READY: Final = "ready"


class MeasuredServer:
    """A running server: its port and its memory."""

    def __init__(self, port: int, process: psutil.Process) -> None:
        self.port = port
        self.process = process

    def resident_bytes(self) -> int:
        """Returns its present memory."""
        return int(self.process.memory_info().rss)


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
