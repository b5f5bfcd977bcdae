"""Speaks HTTP/1.1 as one browser does: from an address of its own, over six kept connections, with what it has cached."""

import asyncio
import gzip
import time
from collections.abc import Mapping
from typing import Final

import msgspec

CONNECTIONS: Final = 6
"""To one server, as browsers keep them."""
PATIENCE_S: Final = 60.0
_NO_BODY: Final = frozenset({204, 304})


class Answer(msgspec.Struct, frozen=True):
    """What came back, and after how many seconds from the wish to ask to the last byte."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def text(self) -> str:
        """The body, unpacked."""
        is_zipped = self.headers.get("content-encoding") == "gzip"
        return (gzip.decompress(self.body) if is_zipped else self.body).decode()


class Wire:
    """The connections of one browser."""

    def __init__(self, port: int, address: str) -> None:
        self._port = port
        self._address = address
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._kept: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, request: bytes) -> Answer:
        """Sends a request. Raises OSError, TimeoutError, asyncio.IncompleteReadError."""
        wished = time.perf_counter()
        async with self._places, asyncio.timeout(PATIENCE_S):
            while self._kept:
                try:
                    return await self._exchange(request, self._kept.pop(), wished)
                except (ConnectionError, asyncio.IncompleteReadError) as error:
                    # The server has let a kept connection go: as a browser does, ask on another.
                    if isinstance(error, asyncio.IncompleteReadError) and error.partial:
                        raise
            opened = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(self._address, 0))
            return await self._exchange(request, opened, wished)

    async def _exchange(
        self, request: bytes, connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], wished: float
    ) -> Answer:
        reader, writer = connection
        is_kept = False
        try:
            writer.write(request)
            await writer.drain()
            status, headers = _parse_head(await reader.readuntil(b"\r\n\r\n"))
            body = b""
            if status not in _NO_BODY:
                body = await reader.readexactly(int(headers.get("content-length", 0)))
            is_kept = headers.get("connection", "").lower() != "close"
        finally:
            if is_kept:
                self._kept.append(connection)
            else:
                writer.close()
        return Answer(status, headers, body, time.perf_counter() - wished)

    def close(self) -> None:
        """Ends all connections."""
        for _, writer in self._kept:
            writer.close()


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(first.split(" ", 2)[1]), {name.lower(): value.strip() for name, _, value in pairs}
