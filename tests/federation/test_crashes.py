"""The process ends at every single point of a batch, once each; then another one goes on."""

from pathlib import Path
from typing import Any, cast

import pytest

from directory.store.database import Connection, Database
from federation.sequencer import Sequencer
from federation.signed_mark import SignedMark
from federation.tlog.checkpoint import Checkpoint
from tests.federation.faults import Crash, FaultyConnection
from tests.federation.log_harness import LogHarness
from tests.harness.clock import FakeClock


@pytest.fixture
def harness(database: Database, tmp_path: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, tmp_path / "data", clock)


async def one_batch(harness: LogHarness) -> None:
    """People to publish, some to revoke."""
    await harness.add_pending(7)
    live = await harness.live_leaves()
    await harness.withdraw(live[:2])


async def run_until_crash(harness: LogHarness, at: int, *, persisted: bool) -> bool:
    """Whether it came to the crash."""
    async with harness.database.connection() as connection:
        faulty = cast("Connection", FaultyConnection(connection, at, persisted=persisted))
        try:
            await harness.sequencer().run_once(faulty)
        except Crash:
            return True
    return False


@pytest.mark.parametrize("persisted", [False, True], ids=["not-done", "done-but-not-told"])
async def test_a_crash_at_any_call_of_a_batch(harness: LogHarness, *, persisted: bool) -> None:
    """No fork, nothing lost, nothing twice, nothing erased that no published entry revokes."""
    await harness.run()
    at = 0
    while True:
        await one_batch(harness)
        before = len(await harness.live_leaves())
        crashed = await run_until_crash(harness, at, persisted=persisted)
        await harness.check()
        await harness.run()
        await harness.check()
        assert len(await harness.live_leaves()) == before + 7
        assert await harness.fetch("SELECT FROM mapping WHERE state IN (0, 2)") == []
        if not crashed:
            break
        at += 1
    assert at > 20
    assert len(await harness.live_leaves()) == 7 * (at + 1) - 2 * at


@pytest.mark.parametrize("persisted", [False, True], ids=["not-done", "done-but-not-told"])
async def test_a_crash_at_any_call_of_the_first_batch(harness: LogHarness, *, persisted: bool) -> None:
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

    def advance(self, staged: Checkpoint) -> None:
        if self._persisted:
            super().advance(staged)
        raise Crash


class _FullDisk(SignedMark):
    def advance(self, staged: Checkpoint) -> None:
        raise OSError(28, "No space left on device")


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
    await harness.run()
    await one_batch(harness)
    signed = (await harness.state()).signed
    async with harness.database.connection() as connection:
        with pytest.raises(OSError, match="space"):
            await with_mark(harness.sequencer(), _FullDisk(harness.keys.path)).run_once(connection)
    assert (await harness.state()).signed == signed
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
        with pytest.raises(Exception, match="older than what this instance has signed"):
            await sleeper._sign(first, asleep)
        await harness.add_pending(5)
        await sleeper.run_once(first)
    await harness.check()
    assert len(await harness.live_leaves()) == 15


def test_the_faults_count_every_call() -> None:
    counted: Any = FaultyConnection(cast("Connection", None), 1)
    counted.strike(before=True)
    counted.strike(before=False)
    with pytest.raises(Crash):
        counted.strike(before=True)
