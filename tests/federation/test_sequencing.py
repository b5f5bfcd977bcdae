import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from directory.store.database import Database
from federation.own_log import sequencer_task as sequencing
from federation.own_log.draining import drain
from federation.own_log.sequencer_task import SequencerTask
from tests.federation.log_harness import LogHarness
from tests.harness.clock import FakeClock

PATIENCE_S = 30


@pytest.fixture
def harness(database: Database, tmp_path: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, tmp_path / "data", clock)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BATCH_EVERY_S", "STAND_BY_S", "DOUBT_S"):
        monkeypatch.setattr(sequencing, name, 0.01)


@asynccontextmanager
async def running(harness: LogHarness) -> AsyncIterator[SequencerTask]:
    task = SequencerTask(harness.database, harness.sequencer())
    work = asyncio.create_task(task.run())
    try:
        yield task
    finally:
        task.stop()
        await asyncio.wait_for(work, PATIENCE_S)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():  # noqa: ASYNC110 - what it waits for is in the database
            await asyncio.sleep(0.01)


async def all_answer(harness: LogHarness) -> bool:
    return len(await harness.live_leaves()) == harness.made


async def test_what_comes_is_published_by_itself(harness: LogHarness) -> None:
    async with running(harness):
        for count in (2, 3):
            await harness.add_pending(count)
            await until(lambda: all_answer(harness))
    await harness.check()


async def test_one_leads_and_another_takes_over(harness: LogHarness) -> None:
    async with running(harness) as first:
        await until(lambda: _leads(first))
        async with running(harness) as second:
            await harness.add_pending(3)
            await until(lambda: all_answer(harness))
            assert not second.is_leading
            first.stop()
            await until(lambda: _leads(second))
            await harness.add_pending(3)
            await until(lambda: all_answer(harness))
    await harness.check()


async def _leads(task: SequencerTask) -> bool:
    return task.is_leading


async def test_a_database_that_goes_away_is_waited_for(harness: LogHarness, dsn: str) -> None:
    """As when the server is started anew: every connection ends, in the middle of whatever it does."""
    async with running(harness) as task:
        await until(lambda: _leads(task))
        admin = await asyncpg.connect(dsn)
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await admin.close()
        await harness.add_pending(3)
        await until(lambda: all_answer(harness))
    await harness.check()


async def test_doubt_is_told_and_ends_when_it_is_mended(harness: LogHarness) -> None:
    await harness.run()
    harness.clock.advance(hours=-2)
    async with running(harness) as task:
        await until(lambda: _doubts(task))
        assert "clock" in (task.doubt or "")
        assert not task.is_leading
        harness.clock.advance(hours=2)
        await harness.add_pending(1)
        await until(lambda: all_answer(harness))
        await until(lambda: _is_well(task))


async def _is_well(task: SequencerTask) -> bool:
    return task.doubt is None


async def _doubts(task: SequencerTask) -> bool:
    return task.doubt is not None


async def test_missing_keys_are_told(harness: LogHarness, tmp_path: Path) -> None:
    harness.keys.path.rename(tmp_path / "elsewhere")
    async with running(harness) as task:
        await until(lambda: _doubts(task))
        assert "missing" in (task.doubt or "")


async def test_draining_waits_for_who_leads_and_else_does_it(harness: LogHarness) -> None:
    told: list[int] = []
    await harness.add_pending(5)
    await drain(harness.database, harness.sequencer(), harness.clock, told.append)
    async with running(harness) as task:
        await until(lambda: _leads(task))
        await harness.add_pending(5)
        await drain(harness.database, harness.sequencer(), harness.clock, told.append)
    assert await all_answer(harness)
    assert told[-1] == 0
