import asyncio
import os
import threading
from pathlib import Path

import pytest

from directory.store.database import Database
from federation.fsck import run as fsck_run
from federation.fsck.bundle_hashing import FULL_BUNDLE_BYTES, hash_bundle
from federation.fsck.findings import Fault
from federation.fsck.hashing_process import HashingProcesses
from federation.fsck.run import check_database_log
from federation.tlog.merkle import hash_perfect, leaf_hash
from tests.federation.log_harness import LogHarness
from tests.harness.clock import FakeClock

BUNDLES = [os.urandom(FULL_BUNDLE_BYTES) for _ in range(5)]


@pytest.fixture
def harness(database: Database, tmp_path: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, tmp_path / "data", clock)


def test_the_hashes_of_a_bundle_are_those_of_its_entries() -> None:
    data = BUNDLES[0]
    leaves = b"".join(leaf_hash(data[at + 2 : at + 35]) for at in range(0, len(data), 35))
    assert hash_bundle(data) == (leaves, hash_perfect(leaves))
    assert hash_bundle(data[:70]) == (leaves[:64], None)
    assert hash_bundle(b"") == (b"", None)


def test_other_processes_hash_the_same_in_the_order_asked() -> None:
    with HashingProcesses() as processes:
        asked = [processes.submit(BUNDLES[first:]) for first in range(6)]
        for first, future in enumerate(asked):
            assert future.result() == [hash_bundle(data) for data in BUNDLES[first:]]
        with pytest.raises(ValueError, match="only full bundles"):
            processes.submit([b"short"]).result()
        assert processes.submit(BUNDLES).result()


def test_a_process_that_is_killed_is_told() -> None:
    """A machine that is short of memory ends what it likes: no leaf may then pass as checked."""
    with HashingProcesses(1) as processes:
        assert processes.submit(BUNDLES).result()
        for process in processes.processes:
            process.kill()
            process.wait()
        with pytest.raises(OSError, match=r"has ended|Broken pipe"):
            processes.submit(BUNDLES).result()


def test_none_of_them_stays() -> None:
    with HashingProcesses() as processes:
        started = list(processes.processes)
        assert all(process.poll() is None for process in started)
    assert all(process.poll() is not None for process in started)


async def test_a_log_that_is_hashed_elsewhere_is_checked_as_well(
    harness: LogHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fsck_run, "LARGE_LOG_LEAVES", 256)
    await harness.add_pending(700)
    await harness.run()
    assert (await harness.check()).checkpoint.size == 701
    async with harness.database.connection() as connection:
        await connection.execute(
            "UPDATE log_tile SET data = set_bit(data, 8 * 36, 1 - get_bit(data, 8 * 36)) WHERE place IN (1, 2)"
        )
    report = await check_database_log(harness.database, with_bodies=False)
    assert [(each.fault, each.leaf) for each in report.findings] == [
        (Fault.WRONG_PREFIX, 257),
        (Fault.WRONG_PREFIX, 513),
    ]


async def test_a_check_that_is_broken_off_leaves_the_database_to_others(
    harness: LogHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An instance that is stopped, or an impatient operator, ends the check of a large log in its middle."""
    monkeypatch.setattr(fsck_run, "LARGE_LOG_LEAVES", 256)
    await harness.add_pending(700)
    await harness.run()
    reached, go_on = threading.Event(), threading.Event()

    def wait_in_the_middle(_: int) -> None:
        reached.set()
        go_on.wait(10)

    check = asyncio.create_task(check_database_log(harness.database, progress=wait_in_the_middle))
    await asyncio.to_thread(reached.wait, 10)
    check.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await check
    await harness.check()
