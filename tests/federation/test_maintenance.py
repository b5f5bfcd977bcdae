import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from deploy.log_check import look_at_daily_check
from directory.store.database import Database
from federation.own_log import daily as maintenance
from federation.own_log.daily import MaintenanceTask
from federation.store.daily_check import DailyCheck, fetch_daily_check
from tests.federation.log_harness import LogHarness
from tests.harness.clock import START, FakeClock

PATIENCE_S = 30


@pytest.fixture
def harness(database: Database, tmp_path: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, tmp_path / "data", clock)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "LOOK_EVERY_S", 0.01)


@asynccontextmanager
async def running(harness: LogHarness) -> AsyncIterator[None]:
    task = MaintenanceTask(harness.database, harness.keys, harness.clock)
    work = asyncio.create_task(task.run())
    try:
        yield
    finally:
        task.stop()
        await asyncio.wait_for(work, PATIENCE_S)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():  # noqa: ASYNC110 - what it waits for is in the database
            await asyncio.sleep(0.01)


async def last_check(harness: LogHarness) -> DailyCheck | None:
    async with harness.database.connection() as connection:
        return await fetch_daily_check(connection)


async def damage(harness: LogHarness) -> None:
    async with harness.database.connection() as connection:
        await connection.execute(
            "UPDATE log_statement SET body = set_bit(body, 7, 1 - get_bit(body, 7)) WHERE leaf = 9"
        )


async def checked_now(harness: LogHarness) -> bool:
    last = await last_check(harness)
    return last is not None and last.made_at == harness.clock.now()


async def test_it_checks_by_the_clock_and_tells_what_it_finds(harness: LogHarness) -> None:
    """An hour after the first start and then daily; in the log, and to whoever asks the doctor."""
    await harness.add_pending(300)
    await harness.run()
    async with running(harness):
        harness.clock.advance(hours=1)
        await until(lambda: checked_now(harness))
        assert await last_check(harness) == DailyCheck(harness.clock.now(), 301, 0)
        await damage(harness)
        harness.clock.advance(hours=23, minutes=59)
        task = MaintenanceTask(harness.database, harness.keys, harness.clock)
        assert await task.run_if_due(), "not due yet"
    with capture_logs() as told:
        # Started again: the day goes on.
        async with running(harness):
            harness.clock.advance(minutes=1)
            await until(lambda: checked_now(harness))
    [line] = [line for line in told if line["log_level"] == "error"]
    assert line["event"].startswith("the log is damaged")
    assert line["findings"] == ["leaf 9: body does not match its commitment"]
    async with harness.database.connection() as connection:
        finding = await look_at_daily_check(connection, harness.clock.now())
    assert not finding.is_good
    assert finding.seen.endswith("1 wrong: leaf 9: body does not match its commitment")
    assert "passerelle fsck" in finding.mend


async def test_the_doctor_says_when_all_is_well(harness: LogHarness) -> None:
    """And that it was well at last, where nobody has looked for days: it took that for well."""
    async with harness.database.connection() as connection:
        assert (await look_at_daily_check(connection, harness.clock.now())).seen.startswith("not made yet")
    await harness.run()
    task = MaintenanceTask(harness.database, harness.keys, harness.clock)
    harness.clock.advance(hours=1)
    assert await task.run_if_due()
    async with harness.database.connection() as connection:
        finding = await look_at_daily_check(connection, harness.clock.now())
        late = await look_at_daily_check(connection, harness.clock.now() + timedelta(days=3))
    assert finding.is_good
    assert finding.seen == f"{START + timedelta(hours=1):%Y-%m-%d %H:%M} UTC: all is well in 1 leaf"
    assert (late.is_good, late.seen) == (False, f"{finding.seen}, and none was made since")


async def test_what_cannot_be_checked_is_told_once_a_day(harness: LogHarness, tmp_path: Path) -> None:
    await harness.run()
    harness.keys.path.rename(tmp_path / "elsewhere")
    task = MaintenanceTask(harness.database, harness.keys, harness.clock)
    harness.clock.advance(hours=1)
    assert not await task.run_if_due()
    assert await task.run_if_due()
    last = await last_check(harness)
    assert last is not None
    assert (last.faults, last.leaves) == (1, 1), "the log itself is checked all the same"
    assert str(harness.keys.path) in last.first_fault


async def test_the_log_is_checked_beside_a_damaged_key(harness: LogHarness) -> None:
    """Whoever damages both a key file and the log hid the second behind the first: nothing was checked."""
    await harness.add_pending(12)
    await harness.run()
    (harness.keys.path / "log.key").write_bytes(b"garbage\n")
    await damage(harness)
    task = MaintenanceTask(harness.database, harness.keys, harness.clock)
    harness.clock.advance(hours=1)
    with capture_logs() as told:
        assert not await task.run_if_due()
    last = await last_check(harness)
    assert last is not None
    assert (last.leaves, last.faults > 1, "holds no key" in last.first_fault) == (13, True, True)
    assert "leaf 9" in str(told)


async def test_an_empty_log_and_a_clock_that_was_wrong(harness: LogHarness) -> None:
    task = MaintenanceTask(harness.database, harness.keys, harness.clock)
    harness.clock.advance(days=400)
    assert await task.run_if_due()
    wrong = await last_check(harness)
    harness.clock.advance(days=-399)
    assert await task.run_if_due()
    assert await last_check(harness) != wrong


async def test_one_process_at_a_time(harness: LogHarness, dsn: str) -> None:
    await harness.run()
    other = await asyncpg.connect(dsn)
    try:
        await other.execute("SELECT pg_advisory_lock($1)", maintenance.MAINTENANCE_LOCK)
        harness.clock.advance(days=1)
        assert await MaintenanceTask(harness.database, harness.keys, harness.clock).run_if_due()
        assert await last_check(harness) is None
    finally:
        await other.close()


async def test_a_database_that_is_gone_is_waited_for(harness: LogHarness, dsn: str) -> None:
    gone = await Database.connect(dsn, max_connections=1)
    await gone.close()
    assert not await MaintenanceTask(gone, harness.keys, harness.clock).run_if_due()


REFUSES_TO_UNLOCK = """
    CREATE FUNCTION pg_advisory_unlock(bigint) RETURNS boolean LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'the server is out of memory' USING ERRCODE = '53200'; END $$;
    DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database()); END $$
"""


async def test_a_lock_that_cannot_be_given_back_is_not_kept(harness: LogHarness, dsn: str) -> None:
    """The pool kept the connection, and that the lock: no process made the check from then on, and none told."""
    await harness.run()
    async with harness.database.connection() as connection:
        await connection.execute(REFUSES_TO_UNLOCK)
    first = await Database.connect(dsn, max_connections=2)
    await MaintenanceTask(first, harness.keys, harness.clock).run_if_due()
    async with running(harness):
        harness.clock.advance(hours=1)
        await until(lambda: checked_now(harness))
    await first.close()


async def test_what_answers_without_a_leaf_is_found(harness: LogHarness) -> None:
    """Who can write to the database can add an answer, but not one that the log says."""
    await harness.add_pending(3)
    await harness.run()
    async with harness.database.connection() as connection:
        await connection.execute("UPDATE mapping SET leaf = NULL WHERE leaf = 2")
    task = MaintenanceTask(harness.database, harness.keys, harness.clock)
    harness.clock.advance(hours=1)
    assert not await task.run_if_due()


async def test_stopping_breaks_a_check_off(harness: LogHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check of a large log takes minutes, and an instance stops in seconds."""
    await harness.run()
    began = asyncio.Event()

    async def endless(*_: object, **__: object) -> None:
        began.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(maintenance, "check_database_log", endless)
    async with running(harness):
        harness.clock.advance(hours=1)
        await asyncio.wait_for(began.wait(), PATIENCE_S)
    async with harness.database.connection() as connection:
        assert await connection.fetchval("SELECT pg_try_advisory_lock($1)", maintenance.MAINTENANCE_LOCK)
        await connection.execute("SELECT pg_advisory_unlock($1)", maintenance.MAINTENANCE_LOCK)
