"""What a batch is built on fails in the middle: the database, the disk of the keys, a machine that slept."""

import resource
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest

from directory.store.database import Connection, Database
from federation.errors import LogRefused, LogWaits
from federation.own_log.high_water import SignedMark
from federation.own_log.sequencer import Sequencer
from federation.tlog.checkpoint import Checkpoint
from tests.federation.faults import Crash, Faults, FaultyConnection
from tests.federation.log_harness import LogHarness
from tests.harness.clock import FakeClock
from tests.harness.postgres import SharedPostgres


@pytest.fixture
def harness(database: Database, tmp_path: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, tmp_path / "data", clock)


async def one_batch(harness: LogHarness) -> None:
    """Prepares people to publish, and some to revoke."""
    await harness.add_pending(7)
    live = await harness.live_leaves()
    await harness.withdraw(live[:2])


async def run_until_crash(
    harness: LogHarness, at: int, *, persisted: bool, sequencer: Sequencer | None = None
) -> bool:
    """Runs until the crash. Returns whether it was reached."""
    async with harness.database.connection() as connection:
        faults = Faults(at, "after" if persisted else "before")
        faulty = cast("Connection", FaultyConnection(connection, faults))
        try:
            await (sequencer or harness.sequencer()).run_once(faulty)
        except Crash:
            return True
    return False


@pytest.mark.parametrize("persisted", [False, True], ids=["not-done", "done-but-not-told"])
async def test_a_database_that_fails_at_any_write_of_a_batch(harness: LogHarness, *, persisted: bool) -> None:
    """The same process goes on, with what it remembers: no fork, nothing lost, nothing twice, nothing erased that
    no published entry revokes. Processes that are killed are in `test_killed`."""
    sequencer = harness.sequencer()
    await harness.run(sequencer)
    at = 0
    while True:
        await one_batch(harness)
        before = len(await harness.live_leaves())
        crashed = await run_until_crash(harness, at, persisted=persisted, sequencer=sequencer)
        await harness.check()
        await harness.run(sequencer)
        await harness.check()
        assert len(await harness.live_leaves()) == before + 7
        assert await harness.fetch("SELECT FROM mapping WHERE state IN (0, 2)") == []
        if not crashed:
            break
        at += 1
    assert at > 10
    await harness.check_history()
    assert len(await harness.live_leaves()) == 7 * (at + 1) - 2 * at


@pytest.mark.parametrize("persisted", [False, True], ids=["not-done", "done-but-not-told"])
async def test_a_database_that_fails_at_any_write_of_the_first_batch(
    harness: LogHarness, *, persisted: bool
) -> None:
    """A log that was begun half is gone on with, never begun again."""
    await harness.add_pending(3)
    for at in range(40):
        await run_until_crash(harness, at, persisted=persisted)
    await harness.run()
    assert (await harness.check()).checkpoint.size == 4


class _CrashingMark(SignedMark):
    """Ends the process around the writing of the mark."""

    def __init__(self, folder: Path, *, persisted: bool) -> None:
        super().__init__(folder)
        self._persisted = persisted

    def swap(self, before: Checkpoint | None, staged: Checkpoint) -> None:
        if self._persisted:
            super().swap(before, staged)
        raise Crash


def with_mark(sequencer: Sequencer, mark: SignedMark) -> Sequencer:
    setattr(sequencer, "_mark", mark)  # noqa: B010 - a part that no caller may choose
    return sequencer


@pytest.mark.parametrize("persisted", [False, True])
async def test_a_crash_around_the_mark(harness: LogHarness, *, persisted: bool) -> None:
    await harness.run()
    await one_batch(harness)
    mark = _CrashingMark(harness.keys.path, persisted=persisted)
    async with harness.database.connection() as connection:
        with pytest.raises(Crash):
            await with_mark(harness.sequencer(), mark).run_once(connection)
        await harness.sequencer().check(connection)
    await harness.run()
    await harness.check()


async def test_a_full_disk_loses_nothing(harness: LogHarness) -> None:
    """The disk of the keys: what the system says when a file is written there."""
    await harness.run()
    await one_batch(harness)
    signed = (await harness.state()).signed
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with harness.database.connection() as connection:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            with pytest.raises(LogWaits, match=r"signed\.checkpoint cannot be written: File too large"):
                await harness.sequencer().run_once(connection)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (await harness.state()).signed == signed
    assert [path.name for path in harness.keys.path.glob(".*")] == []
    await harness.run()
    await harness.check()
    assert len(await harness.live_leaves()) == 7


async def test_two_sequencers_where_one_was_only_asleep(harness: LogHarness) -> None:
    """A machine that was suspended after staging wakes up when another has gone on."""
    await harness.add_pending(5)
    sleeper = harness.sequencer()
    async with harness.database.connection() as first, harness.database.connection() as second:
        await sleeper._stage(first)
        asleep = await harness.state()
        await harness.sequencer().run_once(second)
        await harness.add_pending(5)
        await harness.sequencer().run_once(second)
        with pytest.raises(LogWaits, match="gone on meanwhile"):
            await sleeper._sign(first, asleep)
        await harness.add_pending(5)
        await sleeper.run_once(first)
    await harness.check()
    assert len(await harness.live_leaves()) == 15


async def test_two_copies_of_a_database_are_not_both_signed(
    harness: LogHarness, postgres: SharedPostgres, dsn: str
) -> None:
    """A copy that was made while nothing went on is as new as the mark; only one of the two may go on from there."""
    await harness.add_pending(5)
    await harness.run()
    await harness.database.close()
    label = "test_" + urlsplit(dsn).path.rpartition("_")[2]
    async with postgres.database(label) as copied:
        opened = [await Database.connect(each, max_connections=2) for each in (dsn, copied)]
        one, two = (_over(harness, database) for database in opened)
        await two.add_pending(9)
        async with two.database.connection() as connection:
            assert await two.sequencer()._stage(connection) == 9
        await one.add_pending(3)
        await one.run()
        await one.check()
        for _ in range(2):
            with pytest.raises(LogRefused, match="another tree of size 9") as refused:
                await two.run()
            assert "newer copy" in refused.value.mend
        assert (await two.state()).signed_size == 6
        for database in opened:
            await database.close()


def _over(harness: LogHarness, database: Database) -> LogHarness:
    """Makes a harness with the same keys over another database."""
    other = LogHarness(database, harness.keys.path.parent, harness.clock)
    other.made = harness.made
    return other
