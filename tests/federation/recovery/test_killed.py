"""A recovery that is killed at any write is run again, and the log is as whole as if it had not been."""

from pathlib import Path
from typing import cast

import pytest

from directory.secret_files import folder as secret_folder
from directory.secret_files import steps
from directory.store.database import Connection, Database
from federation.keys.instance import MARK_FILE
from tests.federation.faults import Crash, Faults, FaultyConnection, When
from tests.federation.log_harness import LogHarness
from tests.federation.recovery.kept_copy import KeptCopy, keep
from tests.federation.recovery.restoring import Backup, back_up, recover, restore
from tests.harness.clock import FakeClock

MARK_STEPS = ((steps, "write_new"), (secret_folder, "put_in_place"), (secret_folder, "sync"))


@pytest.fixture
def harness(database: Database, folder: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, folder / "data", clock)


async def prepare(harness: LogHarness) -> tuple[Backup, KeptCopy, list[int]]:
    """A backup, and a peer that has read what came after it."""
    await harness.add_pending(5)
    await harness.run()
    backup = await back_up(harness)
    await harness.add_pending(300)
    await harness.run()
    await harness.withdraw([3, 40])
    await harness.run()
    await harness.check()
    kept = await keep(harness)
    kept.bodies.pop(50)
    return backup, kept, await harness.live_leaves()


async def strike(harness: LogHarness, kept: KeptCopy, faults: Faults) -> None:
    """Runs a recovery whose process ends at a point."""
    async with harness.database.connection() as connection:
        faulty = cast("Connection", FaultyConnection(connection, faults))
        await recover(harness, kept, connection=faulty)


@pytest.mark.parametrize("is_mark_lost", [False, True])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_at_any_write(
    harness: LogHarness, monkeypatch: pytest.MonkeyPatch, when: When, is_mark_lost: bool
) -> None:
    backup, kept, answering = await prepare(harness)
    mark = harness.keys.path / MARK_FILE
    if is_mark_lost:
        mark.unlink()
    before = None if is_mark_lost else mark.read_bytes()
    at = 0
    while True:
        await restore(harness, backup)
        if before is None:
            mark.unlink(missing_ok=True)
        else:
            mark.write_bytes(before)
        faults = Faults(at, when)
        with monkeypatch.context() as patch:
            for module, name in MARK_STEPS:
                patch.setattr(module, name, faults.around(name, getattr(module, name)))
            try:
                await strike(harness, kept, faults)
            except Crash:
                is_killed = True
            else:
                is_killed = False
        await recover(harness, kept)
        assert (await harness.state()).published_size == 308
        assert (await harness.live_leaves()) == [leaf for leaf in answering if leaf != 50], faults.points
        if not is_killed:
            break
        at += 1
    assert at > 20
    assert await harness.run() == 1
    await harness.check()
    await harness.check_history()
    assert not await harness.fetch("SELECT FROM recovered_statement"), (
        "nothing of people stays beside the log"
    )
