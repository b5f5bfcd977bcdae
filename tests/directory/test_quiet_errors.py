"""An error of the database never tells what somebody looked up: not in its text, not in a log."""

import subprocess
import sys
from typing import Any, Final

import asyncpg
import pytest

from directory.errors import DirectoryUnavailable
from directory.store.database import Database
from directory.store.quiet_errors import hide_values

LOOKED_UP: Final = "somebody_in_particular"
TABLE: Final = "CREATE TEMPORARY TABLE asked (name varchar(30) PRIMARY KEY, number int CHECK (number > 5)) ON COMMIT DROP"
# What goes wrong, and what is still told of it.
FAULTS: Final[list[tuple[str, tuple[Any, ...], str]]] = [
    ("SELECT $1::bigint", (LOOKED_UP,), "query argument $1"),
    ("SELECT $1::bigint[]", ([LOOKED_UP],), "query argument $1"),
    ("SELECT $1::timestamptz", (LOOKED_UP,), "query argument $1"),
    ("SELECT 1, $1::uuid", (LOOKED_UP,), "query argument $1"),
    ("SELECT $1::text", (LOOKED_UP + "\ud800",), "query argument $1"),
    ("SELECT $1::text::int", (LOOKED_UP,), "22P02"),
    ("SELECT $1::text::json", (LOOKED_UP,), "22P02"),
    ("SELECT $1::text::timestamptz", (LOOKED_UP,), "22007"),
    ("INSERT INTO asked VALUES ($1, 9), ($1, 9)", (LOOKED_UP,), "asked_pkey"),
    ("INSERT INTO asked VALUES ($1, 1)", (LOOKED_UP,), "asked_number_check"),
    ("INSERT INTO asked VALUES ($1, 9)", (LOOKED_UP * 2,), "too long|22001"),
    ("DO $$ BEGIN RAISE EXCEPTION 'nobody knows %', '" + LOOKED_UP + "'; END $$", (), "P0001"),
]

LOGGING: Final = """
import asyncio, logging, sys, structlog
import asyncpg
from directory.errors import DirectoryUnavailable
from directory.logs import configure_logs

dsn, style, looked_up = sys.argv[1:]
configure_logs(style, "info")
log = structlog.get_logger("test")

async def ask(connection, sql):
    try:
        await connection.fetch(sql, looked_up)
    except asyncpg.PostgresError as error:
        raise RuntimeError("a job broke") from error

async def main():
    connection = await asyncpg.connect(dsn)
    for sql in ("SELECT $1::bigint", "SELECT $1::uuid", "SELECT $1::text::int"):
        try:
            await ask(connection, sql)
        except RuntimeError as error:
            log.error("request failed", exc_info=error)
            log.exception("request failed again")
            logging.getLogger("library").exception("a library failed")
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(ask(connection, sql))
        except ExceptionGroup as error:
            log.error("several failed", exc_info=error)
        asyncio.get_running_loop().call_exception_handler(
            {"message": "Task exception was never retrieved", "exception": await failure(connection, sql)}
        )
    await connection.close()

async def failure(connection, sql):
    try:
        await connection.fetch(sql, looked_up)
    except asyncpg.PostgresError as error:
        return error

asyncio.run(main())
"""


@pytest.mark.parametrize(("sql", "arguments", "told"), FAULTS, ids=lambda value: str(value)[:40])
async def test_an_error_of_a_store_holds_no_value(
    database: Database, sql: str, arguments: tuple[Any, ...], told: str
) -> None:
    async def ask() -> None:
        async with database.transaction() as connection:
            await connection.execute(TABLE)
            await connection.execute(sql, *arguments)

    with pytest.raises(asyncpg.PostgresError, match=told.replace("$", r"\$")) as caught:
        await ask()
    said = f"{caught.value} {caught.value.args} {caught.value.__cause__!r} {caught.value.__context__!r}"
    assert LOOKED_UP not in said
    assert caught.value.detail is None


async def test_rows_that_are_copied_are_not_told(database: Database) -> None:
    async def copy() -> None:
        async with database.transaction() as connection:
            await connection.execute(TABLE)
            await connection.copy_records_to_table("asked", records=[(LOOKED_UP, 9), (LOOKED_UP, 9)])

    with pytest.raises(asyncpg.PostgresError) as caught:
        await copy()
    assert LOOKED_UP not in f"{caught.value} {caught.value.__dict__}"


async def test_a_database_that_is_gone_is_told_in_its_own_words(database: Database) -> None:
    async def end_myself() -> None:
        async with database.connection() as connection:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(DirectoryUnavailable, match="terminating connection"):
        await end_myself()


def test_an_error_that_comes_from_itself_ends() -> None:
    """A chain of causes can be a ring."""
    first, second = asyncpg.DataError(LOOKED_UP), ValueError("no value of ours")
    first.__context__, second.__context__ = second, first
    hide_values(second)
    assert LOOKED_UP not in str(first)
    assert str(second) == "no value of ours"


@pytest.mark.parametrize("style", ["json", "text"])
async def test_no_log_holds_what_was_asked(dsn: str, style: str) -> None:
    """The driver shows the argument that it cannot send: a name somebody looked up would stand in the log."""
    done = subprocess.run(  # noqa: ASYNC221 - nothing else runs beside it
        [sys.executable, "-c", LOGGING, dsn, style, LOOKED_UP],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stderr.count("is refused") >= 12
    assert done.stderr.count("a job broke") >= 9
    assert LOOKED_UP not in done.stdout + done.stderr
