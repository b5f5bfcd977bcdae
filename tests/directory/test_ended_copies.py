"""Rows whose server ends while they are on their way: who sends them ends, too. So does who is cancelled."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from directory.store import copying as copying_module
from directory.store.copying import copy_rows, execute_many
from directory.store.database import Connection

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


Send = Callable[[Connection, Iterator[tuple[str]]], Awaitable[None]]


async def copy(connection: Connection, rows: Iterator[tuple[str]]) -> None:
    await copy_rows(connection, "copied", rows, ["text"])


async def insert(connection: Connection, rows: Iterator[tuple[str]]) -> None:
    await execute_many(connection, "INSERT INTO copied VALUES ($1)", rows)


@asynccontextmanager
async def connected(dsn: str, listening: asyncio.Server) -> AsyncIterator[Connection]:
    """Opens a connection through the server, with a table for the rows."""
    host, port = listening.sockets[0].getsockname()
    parts = urlsplit(dsn)
    connection = await asyncpg.connect(
        host=host, port=port, user=parts.username, password=parts.password, database=parts.path[1:]
    )
    await connection.execute("CREATE TEMPORARY TABLE copied (text text)")
    try:
        yield connection
    finally:
        connection.terminate()


@pytest.mark.parametrize("send", [copy, insert])
async def test_who_sends_ends_with_the_server(dsn: str, send: Send) -> None:
    """A full disk ended the server while `passerelle demo` sent rows: the command waited for ever, and so would whoever copies
    from a peer. asyncpg waits for a socket that takes no more, and hears nothing of its end."""
    async with dying(dsn) as (server, listening), connected(dsn, listening) as connection:
        copying = asyncio.ensure_future(send(connection, rows(server)))
        async with asyncio.timeout(PATIENCE_S):
            await server.is_deaf.wait()
            listening.close()  # the driver may not ask for a cancellation either
            server.end()
            with pytest.raises((asyncpg.ConnectionDoesNotExistError, OSError)):
                await copying
            await server.has_ended.wait()
        assert connection.is_closed()


@pytest.mark.parametrize("again", [False, True])
async def test_who_is_cancelled_waits_for_no_server_that_takes_no_more(
    dsn: str, monkeypatch: pytest.MonkeyPatch, *, again: bool
) -> None:
    """One that hangs, and does not end, would keep a process from its end; and one that is cancelled twice left a sender
    behind, on a connection that others are lent."""
    monkeypatch.setattr(copying_module, "WHOLE_S", PATIENCE_S if again else 0.1)
    async with dying(dsn) as (server, listening), connected(dsn, listening) as connection:
        sending = asyncio.ensure_future(insert(connection, rows(server)))
        async with asyncio.timeout(PATIENCE_S / 2):
            await server.is_deaf.wait()
            sending.cancel()
            await asyncio.sleep(0)
            if again:
                sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert connection.is_closed()
            server.end()
            await server.has_ended.wait()


async def test_a_connection_can_be_used_after_its_sender_was_cancelled(dsn: str) -> None:
    """asyncpg waits for a socket that takes more; cancelled there, it waited for the answer to a request whose end it had
    never sent, and a process that was to end did not."""
    made: list[int] = []
    has_begun = asyncio.Event()

    def some() -> Iterator[tuple[str]]:
        for number in range(100):
            has_begun.set()
            made.append(number)
            yield ("x" * 100_000,)

    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("CREATE TEMPORARY TABLE copied (text text)")
        async with asyncio.timeout(PATIENCE_S):
            slow = "INSERT INTO copied SELECT $1 FROM pg_sleep(0.01)"
            sending = asyncio.ensure_future(execute_many(connection, slow, some()))
            await has_begun.wait()
            await asyncio.sleep(0.05)
            assert len(made) < 100
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert await connection.fetchval("SELECT count(*) FROM copied") == 100
    finally:
        connection.terminate()
