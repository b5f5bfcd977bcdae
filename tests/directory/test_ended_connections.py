"""A server that tells the end of a connection, over a way that does not close it: a proxy, or a moment too early."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import SplitResult, parse_qs, urlsplit, urlunsplit

import asyncpg
import pytest

from directory.errors import DirectoryUnavailable
from directory.store.database import Database

END = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name = 'passerelle' AND datname = current_database()"
)


class DeafRelay:
    """Passes on what either side says, and does not close the first connection that the server ends."""

    def __init__(self, server: SplitResult) -> None:
        self._server = server
        self.told_end = asyncio.Event()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        port = self._server.port or 5432
        if folder := parse_qs(self._server.query).get("host"):
            return await asyncio.open_unix_connection(f"{folder[0]}/.s.PGSQL.{port}")
        return await asyncio.open_connection(self._server.hostname, port)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, questions = await self._connect()
        asking = asyncio.ensure_future(_pass_on(reader, questions))
        await _pass_on(answers, writer)
        if self.told_end.is_set():
            writer.close()
        self.told_end.set()
        await asking
        writer.close()
        questions.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)


@pytest.fixture
async def relay(dsn: str) -> AsyncIterator[tuple[DeafRelay, str]]:
    """The relay, and the address of the test's database through it."""
    parts = urlsplit(dsn)
    relay = DeafRelay(parts)
    async with await asyncio.start_server(relay.serve, "127.0.0.1", 0) as server:
        login = parts.netloc.rpartition("@")[0]
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield relay, urlunsplit(parts._replace(netloc=f"{login}@{address}", query=""))


async def test_a_connection_whose_end_was_told_is_not_lent_again(
    dsn: str, relay: tuple[DeafRelay, str]
) -> None:
    """asyncpg raised an error of its own state, which was told as a fault of ours, and to everybody that it was lent to."""
    between, address = relay
    database = await Database.connect(address, max_connections=1)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT 1") == 1
    keeper = await asyncpg.connect(dsn)
    await keeper.execute(END)
    await between.told_end.wait()
    with pytest.raises(DirectoryUnavailable) as raised:
        async with database.connection() as connection:
            await connection.fetchval("SELECT 1")
    assert isinstance(raised.value.__cause__, asyncpg.InternalClientError)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT 1") == 1
    await keeper.close()
    await database.close()


async def test_a_query_that_takes_long_keeps_no_process_from_ending(dsn: str) -> None:
    """What happened: an instance that counted ten million people as it was told to end waited for them, half a minute."""
    database = await Database.connect(dsn, max_connections=2)
    begun = asyncio.Event()

    async def count() -> None:
        async with database.connection() as connection:
            begun.set()
            await connection.execute("SELECT pg_sleep(600)", timeout=600)

    counting = asyncio.create_task(count())
    await begun.wait()
    await asyncio.wait_for(database.close(within_s=0.01), 30)
    with pytest.raises(DirectoryUnavailable):
        await counting
