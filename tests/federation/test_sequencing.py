import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from directory.store.database import Connection, Database
from federation.errors import LogRefused
from federation.keys.instance import MARK_FILE, KeyFolder
from federation.own_log import sequencer_task as sequencing
from federation.own_log.draining import drain
from federation.own_log.high_water import SignedMark
from federation.own_log.sequencer import Sequencer
from federation.own_log.sequencer_task import SequencerTask
from federation.tlog.checkpoint import Checkpoint
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
async def running(harness: LogHarness, sequencer: Sequencer | None = None) -> AsyncIterator[SequencerTask]:
    task = SequencerTask(harness.database, sequencer or harness.sequencer())
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


async def test_the_mark_of_one_that_stands_by_follows(
    harness: LogHarness, tmp_path: Path, clock: FakeClock
) -> None:
    """Attack: the machine that led is gone, with its mark; what is left of the database is a replica that lacks the last batches.
    A second machine, whose copy of the keys is from the day when it was set up, would sign other trees of the same sizes."""
    shutil.copytree(harness.keys.path, tmp_path / "second" / "keys")
    second = Sequencer(KeyFolder(tmp_path / "second"), harness.sequencer().origin, clock)
    copied = SignedMark(tmp_path / "second" / "keys")
    async with running(harness) as first:
        await until(lambda: _leads(first))
        async with running(harness, second) as standing_by:
            await harness.add_pending(3)
            await until(lambda: all_answer(harness))
            signed = SignedMark(harness.keys.path).read()
            await until(lambda: _holds(copied, signed))
            assert (standing_by.is_leading, standing_by.cannot_follow) == (False, None)
    await harness.fetch("UPDATE log_state SET staged_size = 2")
    async with harness.database.connection() as connection:
        with pytest.raises(LogRefused, match="seems to come from a backup"):
            await second.check(connection)


async def test_a_mark_follows_nothing_that_is_not_signed(harness: LogHarness, tmp_path: Path) -> None:
    """Attack: somebody who can write to the database has the mark of the second machine say that more was signed, so that
    it never signs again. And a mark that is lost is not made anew out of the database."""
    await harness.add_pending(3)
    await harness.run()
    shutil.copytree(harness.keys.path, tmp_path / "second" / "keys")
    second = Sequencer(KeyFolder(tmp_path / "second"), harness.sequencer().origin, harness.clock)
    copied = SignedMark(tmp_path / "second" / "keys")
    before = copied.read()
    signed = (await harness.state()).signed or b""
    forge = "UPDATE log_state SET staged_size = $1, signed = $2"
    async with harness.database.connection() as connection:
        await connection.execute(forge, 400, signed.replace(b"\n4\n", b"\n400\n"))
        with pytest.raises(LogRefused):
            await second.follow(connection)
        assert copied.read() == before
        await connection.execute(forge, 4, signed)
        (tmp_path / "second" / "keys" / MARK_FILE).unlink()
        await second.follow(connection)
    assert copied.read() is None


async def _holds(mark: SignedMark, checkpoint: Checkpoint | None) -> bool:
    return checkpoint is not None and mark.read() == checkpoint


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


class StoppedOnce(Sequencer):
    """A sequencer whose process is stopped in the middle of its first batch, and goes on when it is told."""

    def __init__(self, harness: LogHarness) -> None:
        super().__init__(harness.keys, harness.sequencer().origin, harness.clock)
        self.is_stopped, self.may_go_on = asyncio.Event(), asyncio.Event()

    async def run_once(self, connection: Connection) -> int:
        if not self.is_stopped.is_set():
            self.is_stopped.set()
            await self.may_go_on.wait()
        return await super().run_once(connection)


async def test_a_leader_that_was_stopped_leads_no_more(
    harness: LogHarness, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was stopped (a debugger, a frozen container) kept the lock for as long as it stood: nothing was signed.
    When it goes on its connection is gone, and it stands by."""
    monkeypatch.setattr(sequencing, "SILENT_S", 1.0)
    await harness.add_pending(3)
    stopped = StoppedOnce(harness)
    another = await Database.connect(dsn, max_connections=2)
    async with running(harness, stopped) as first:
        await asyncio.wait_for(stopped.is_stopped.wait(), PATIENCE_S)
        second = SequencerTask(another, harness.sequencer())
        work = asyncio.create_task(second.run())
        await until(lambda: all_answer(harness))
        assert second.is_leading
        stopped.may_go_on.set()
        await until(lambda: _is_relieved(first))
        await harness.add_pending(2)
        await until(lambda: all_answer(harness))
        assert (first.is_leading, second.is_leading) == (False, True)
        second.stop()
        await asyncio.wait_for(work, PATIENCE_S)
        await harness.add_pending(2)
        await until(lambda: all_answer(harness))
        assert first.is_leading
    await harness.check()
    await another.close()


async def _is_relieved(task: SequencerTask) -> bool:
    return not task.is_leading
