"""Migrations run by several processes, and on several databases, at once."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from structlog.testing import capture_logs

from deploy.cli.failures import sentence_of
from deploy.migrate import MigrationFailed, known_migrations, migrate
from deploy.migration_locks import ADVISORY_LOCK, RESTORE_LOCK, WAITING_FOR_RESTORE, MigrationBusy
from directory.errors import DirectoryUnavailable
from tests.harness.forking import Forks
from tests.harness.postgres import SharedPostgres

CHECKOUT: Final = Path(__file__).parents[2]
MIGRATE: Final = "import asyncio, sys; from deploy.migrate import migrate; asyncio.run(migrate(sys.argv[1]))"
TIMEOUT_S: Final = 180


@pytest.fixture
async def empty(postgres: SharedPostgres) -> AsyncIterator[str]:
    async with postgres.database() as dsn:
        yield dsn


async def _migrate_apart(dsn: str) -> int:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", MIGRATE, dsn, cwd=CHECKOUT)
    async with asyncio.timeout(TIMEOUT_S):
        return await process.wait()


async def _recorded(dsn: str) -> list[tuple[str, str]]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT app_name, name FROM migration ORDER BY 1, 2")
    finally:
        await connection.close()
    return [(app, name) for app, name in rows]


async def test_two_that_start_at_once_migrate_once(empty: str) -> None:
    """A web server and a worker of one instance start together."""
    assert await asyncio.gather(*(_migrate_apart(empty) for _ in range(3))) == [0, 0, 0]
    recorded = await _recorded(empty)
    assert recorded == sorted((app, name) for app, names in known_migrations().items() for name in names)


async def test_one_waits_for_who_was_first(empty: str) -> None:
    first = await asyncpg.connect(empty)
    await first.execute("SELECT pg_advisory_lock($1)", ADVISORY_LOCK)
    second = asyncio.create_task(migrate(empty))
    await asyncio.wait({second}, timeout=1)
    assert not second.done()
    assert not await first.fetchval("SELECT to_regclass('mapping') IS NOT NULL")
    await first.execute("SELECT pg_advisory_unlock($1)", ADVISORY_LOCK)
    async with asyncio.timeout(TIMEOUT_S):
        assert await second
    assert await first.fetchval("SELECT to_regclass('mapping') IS NOT NULL")
    await first.close()


async def test_who_is_waited_for_is_told_and_not_for_ever(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was stopped in the middle keeps the lock: a start waited for it without a word, without end."""
    first = await asyncpg.connect(empty, server_settings={"application_name": "stopped one"})
    await first.execute("SELECT pg_advisory_lock($1)", ADVISORY_LOCK)
    monkeypatch.setattr("deploy.migration_locks.TELL_AFTER_S", 0.2)
    monkeypatch.setattr("deploy.migration_locks.GIVE_UP_AFTER_S", 1.0)
    named = f"process {first.get_server_pid()} of the server \\(stopped one, .*idle\\)"
    with capture_logs() as logged, pytest.raises(MigrationBusy, match=named) as raised:
        await migrate(empty)
    (told,) = logged
    assert re.fullmatch(named, told["held_by"])
    sentence = sentence_of(raised.value)
    assert sentence is not None
    assert sentence.endswith("idle). Nothing was changed: wait until it is done, or end it, and start again.")
    await first.close()
    assert await migrate(empty)


async def test_a_restore_is_waited_for(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restore holds all tables from its beginning to its end, which may be minutes: an instance that starts meanwhile goes on
    with what was restored."""
    await migrate(empty)
    monkeypatch.setattr("deploy.migrate.TABLE_LOCK_TIMEOUT_S", 1)
    restore = await asyncpg.connect(empty)
    await restore.execute("SELECT pg_advisory_lock($1), pg_advisory_lock($2)", RESTORE_LOCK, ADVISORY_LOCK)
    transaction = restore.transaction()
    await transaction.start()
    await restore.execute("LOCK TABLE migration")
    start = asyncio.create_task(migrate(empty))
    await asyncio.wait({start}, timeout=2)
    assert not start.done()
    await transaction.rollback()
    await restore.close()
    async with asyncio.timeout(TIMEOUT_S):
        await start


async def test_a_restore_that_does_not_end_is_not_waited_for_for_ever(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore = await asyncpg.connect(empty, server_settings={"application_name": "stopped one"})
    await restore.execute("SELECT pg_advisory_lock($1)", RESTORE_LOCK)
    monkeypatch.setattr("deploy.migration_locks.GIVE_UP_AFTER_S", 1)
    with pytest.raises(MigrationBusy, match="stopped one"):
        await migrate(empty)
    await restore.close()
    assert await migrate(empty)


async def test_a_server_that_goes_while_it_is_waited_for_is_told(empty: str) -> None:
    """It was the driver's own error, and a traceback of the command that had waited."""
    restore = await asyncpg.connect(empty)
    await restore.execute("SELECT pg_advisory_lock($1)", RESTORE_LOCK)
    start = asyncio.create_task(migrate(empty))
    async with asyncio.timeout(TIMEOUT_S):
        while not await restore.fetchval(f"SELECT pg_terminate_backend(({WAITING_FOR_RESTORE}))"):
            await restore.execute("SELECT pg_sleep(0.05)")
        with pytest.raises(DirectoryUnavailable, match="did not answer"):
            await start
    await restore.close()


async def test_who_holds_a_table_is_told_and_not_for_ever(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup, or a forgotten session: the migration waited for it in silence, and everybody else behind it."""
    await migrate(empty)
    await _run(empty, "DELETE FROM migration WHERE name = '2026-11-30T15:00:00:000001'")
    await _run(empty, "ALTER TABLE token DROP COLUMN held_until")
    reader = await asyncpg.connect(empty, server_settings={"application_name": "pg_dump"})
    transaction = reader.transaction()
    await transaction.start()
    await reader.fetch("SELECT FROM token")
    monkeypatch.setattr("deploy.migration_locks.TELL_AFTER_S", 0.2)
    monkeypatch.setattr("deploy.migrate.TABLE_LOCK_TIMEOUT_S", 2)
    named = f"process {reader.get_server_pid()} of the server \\(pg_dump, .*idle in transaction\\)"
    with capture_logs() as logged, pytest.raises(MigrationBusy, match=named):
        await migrate(empty)
    assert [re.fullmatch(named, each["held_by"]) is not None for each in logged] == [True]
    await transaction.rollback()
    await reader.close()
    assert await migrate(empty)


async def test_one_process_migrates_several_databases(postgres: SharedPostgres) -> None:
    """Piccolo remembers the first: its records of the second would land there."""
    async with postgres.database() as one, postgres.database() as other:
        assert await migrate(one)
        assert await migrate(other)
        assert await _recorded(one) == await _recorded(other) != []


LAST_TABLE: Final = "daily_check"
"""Made by the last change of the last app: all others go well before it."""


async def _run(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def _tables(dsn: str) -> set[str]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    finally:
        await connection.close()
    return {row[0] for row in rows}


async def test_a_change_that_fails_leaves_all_as_it_was(empty: str) -> None:
    """What was changed and not recorded would be tried again at each start, and never go through."""
    await _run(empty, f"CREATE TABLE {LAST_TABLE} (stranger text)")
    with pytest.raises(MigrationFailed, match=f'relation "{LAST_TABLE}" already exists'):
        await migrate(empty)
    assert await _tables(empty) == {LAST_TABLE}
    await _run(empty, f"DROP TABLE {LAST_TABLE}")
    assert await migrate(empty)
    assert {LAST_TABLE, "mapping", "migration"} <= await _tables(empty)


async def test_a_change_that_fails_is_one_sentence(empty: str, tmp_path: Path) -> None:
    """It ended in a traceback."""
    await _run(empty, f"CREATE TABLE {LAST_TABLE} (stranger text)")
    command = Forks(tmp_path, {"database_url": empty, "data": str(tmp_path / "data")})
    refused = await asyncio.to_thread(command.run, "lookup", "@jack")
    assert (refused.code, refused.out) == (1, "")
    assert refused.sentence == (
        "passerelle: the database could not be brought up to date"
        f' (relation "{LAST_TABLE}" already exists), and is as it was before:'
        " mend that and start again, or start the version of before."
    )


async def test_a_server_that_takes_no_changes_is_told_so(empty: str) -> None:
    """A standby, or a database whose owner is somebody else."""
    await _run(
        empty,
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$",
    )
    with pytest.raises(MigrationFailed, match="read-only transaction"):
        await migrate(empty)
