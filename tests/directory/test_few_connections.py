"""A server that grants fewer connections than the pool would take: requests wait for each other, and do not fail."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from structlog.testing import capture_logs

from directory.errors import DirectoryUnavailable
from directory.store.database import Database
from tests.harness.postgres import SharedPostgres

GRANTED = 5


@pytest.fixture
async def limited(postgres: SharedPostgres, dsn: str) -> AsyncIterator[str]:
    """The address of the test's database for a role that may open five connections."""
    role = f"few_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(postgres._admin_dsn)
    try:
        await admin.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT {GRANTED} PASSWORD 'few'")
        parts = urlsplit(dsn)
        host = parts.netloc.rpartition("@")[2]
        yield urlunsplit(parts._replace(netloc=f"{role}:few@{host}"))
        await admin.execute(f"DROP ROLE {role}")
    finally:
        await admin.close()


async def test_requests_wait_for_each_other(limited: str) -> None:
    """Each request beyond what the role was granted was answered 503, while the others held connections for milliseconds;
    nothing said why."""

    async def ask(number: int) -> int:
        async with database.connection() as connection:
            return int(await connection.fetchval("SELECT $1::int FROM pg_sleep(0.005)", number))

    with capture_logs() as logged:
        database = await Database.connect(limited, max_connections=10)
        assert await asyncio.gather(*(ask(number) for number in range(60))) == list(range(60))
    await database.close()
    (told,) = [line for line in logged if line["event"] == "the database refuses more connections"]
    assert (told["reason"], told["wanted"], told["taken"]) == ("the role may open 5", 10, 2)
    assert "PASSERELLE_DATABASE_CONNECTIONS" in told["mend"]


@pytest.mark.parametrize(("processes", "taken"), [(2, 1), (9, 1)])
async def test_processes_of_one_instance_take_equal_parts(limited: str, processes: int, taken: int) -> None:
    """Each took what the role may open as if it were alone: the first ones left none to the others."""
    with capture_logs() as logged:
        database = await Database.connect(limited, max_connections=10, processes=processes)
    await database.close()
    (told,) = logged
    assert told["taken"] == taken
    assert told["reason"] == f"the role may open 5, of {processes} processes"


async def test_what_others_have_taken_is_waited_for(limited: str) -> None:
    """Other processes of the role hold all but one connection: requests take turns, and the log says the cause."""
    others = [await asyncpg.connect(limited) for _ in range(GRANTED - 2)]
    pool = await asyncpg.create_pool(limited, min_size=1, max_size=10)
    database = Database(pool)

    async def ask(number: int) -> int:
        async with database.connection() as connection:
            return int(await connection.fetchval("SELECT $1::int FROM pg_sleep(0.005)", number))

    with capture_logs() as logged:
        assert await asyncio.gather(*(ask(number) for number in range(20))) == list(range(20))
    (told,) = [line for line in logged if line["event"] == "the database refuses more connections"]
    assert "too many connections for role" in told["reason"]
    await database.close()
    for other in others:
        await other.close()


async def test_who_holds_none_fails_at_once(limited: str) -> None:
    """Nobody of this process would give one back: it says the cause, and does not wait for ever."""
    others = [await asyncpg.connect(limited) for _ in range(GRANTED)]
    database = Database(await asyncpg.create_pool(limited, min_size=0, max_size=4))
    with pytest.raises(DirectoryUnavailable, match="too many connections for role"):
        async with database.connection():
            pass
    await database.close()
    for other in others:
        await other.close()


async def test_a_failure_gives_its_connection_back(limited: str) -> None:
    database = await Database.connect(limited, max_connections=10)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            async with database.transaction():
                raise ZeroDivisionError
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT 1") == 1
    await database.close()
