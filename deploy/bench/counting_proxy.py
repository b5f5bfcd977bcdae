"""Stands between two instances, and counts what goes through: bytes both ways, and requests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from deploy.bench.listening import listening

READ_BYTES: Final = 65_536
_GET: Final = b"GET /"


@dataclass(slots=True)
class Counted:
    """What went through so far."""

    bytes: int = 0
    requests: int = 0


@asynccontextmanager
async def counting_proxy(port: int, to: int) -> AsyncIterator[Counted]:
    """Listens at `port`, and passes everything on to the port `to`, on this machine."""
    counted = Counted()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", to)
        try:
            await asyncio.gather(_pass(counted, reader, back), _pass(counted, there, writer))
        finally:
            back.close()

    async with listening(port, serve):
        yield counted


async def _pass(counted: Counted, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(READ_BYTES):
            counted.bytes += len(data)
            counted.requests += data.startswith(_GET)
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
