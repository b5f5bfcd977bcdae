"""A COPY whose server ends while rows are on their way ends, too."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from directory.store.copying import copy_rows

PATIENCE_S = 20
CHUNK_BYTES = 65_536


def server_of(dsn: str) -> tuple[str, int]:
    """Returns the folder of the server's socket, or its host, and the port."""
    parts = urlsplit(dsn)
    query = parse_qs(parts.query)
    host = query.get("host", [parts.hostname or "localhost"])[0]
    return host, int(query.get("port", [parts.port or 5432])[0])


class DyingServer:
    """Passes on what the client sends, until it is to read no more; then the connection breaks."""

    def __init__(self, dsn: str) -> None:
        self._host, self._port = server_of(dsn)
        self.is_deaf = asyncio.Event()
        self._broken = asyncio.Event()
        self.has_ended = asyncio.Event()

    def end(self) -> None:
        self._broken.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._host.startswith("/"):
            path = f"{self._host}/.s.PGSQL.{self._port}"
            to, back = await asyncio.open_unix_connection(path)
        else:
            to, back = await asyncio.open_connection(self._host, self._port)
        answering = asyncio.create_task(self._answer(to, writer))
        while not self.is_deaf.is_set():
            back.write(await reader.read(CHUNK_BYTES))
            await back.drain()
        await self._broken.wait()
        for each in (writer, back):
            each.transport.abort()
            with contextlib.suppress(OSError):
                await each.wait_closed()
        await asyncio.wait([answering])
        self.has_ended.set()

    async def _answer(self, to: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await to.read(CHUNK_BYTES):
            writer.write(data)


@asynccontextmanager
async def dying(dsn: str) -> AsyncIterator[tuple[DyingServer, asyncio.Server]]:
    server = DyingServer(dsn)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    try:
        yield server, listening
    finally:
        listening.close()
        await listening.wait_closed()


def rows(server: DyingServer) -> Iterator[tuple[str]]:
    """More than all buffers on the way hold; the server is deaf after the first."""
    for number in range(1_000):
        if number == 20:
            server.is_deaf.set()
        yield ("x" * 100_000,)


async def test_a_copy_ends_with_its_server(dsn: str) -> None:
    """A full disk ended the server while `passerelle demo` sent rows: the command waited for ever, and so would whoever copies
    from a peer. asyncpg waits for a socket that takes no more, and hears nothing of its end."""
    async with dying(dsn) as (server, listening):
        host, port = listening.sockets[0].getsockname()
        parts = urlsplit(dsn)
        connection = await asyncpg.connect(
            host=host, port=port, user=parts.username, password=parts.password, database=parts.path[1:]
        )
        await connection.execute("CREATE TEMPORARY TABLE copied (text text)")
        copying = asyncio.create_task(copy_rows(connection, "copied", rows(server), ["text"]))
        async with asyncio.timeout(PATIENCE_S):
            await server.is_deaf.wait()
            listening.close()  # the driver may not ask for a cancellation either
            server.end()
            with pytest.raises((asyncpg.ConnectionDoesNotExistError, OSError)):
                await copying
            await server.has_ended.wait()
        assert connection.is_closed()
