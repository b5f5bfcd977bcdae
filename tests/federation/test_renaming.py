from pathlib import Path

import pytest

from directory.store.database import Database
from federation.errors import LogRefused, RecoveryNotConfirmed
from federation.keys.instance import RECOVERY_KEY_FILE, KeyFolder
from federation.keys.operations import fingerprint_recovery
from federation.own_log.rename import leave_localhost
from federation.own_log.sequencer import Sequencer
from federation.tlog.keys import PrivateKey
from tests.federation.log_harness import LogHarness
from tests.harness.clock import FakeClock


async def test_what_was_tried_out_goes_on_under_a_real_name(
    database: Database, tmp_path: Path, clock: FakeClock
) -> None:
    keys = KeyFolder(tmp_path / "tried")
    keys.make("localhost")
    async with database.connection() as connection:
        await Sequencer(keys, "localhost/log", clock).run_once(connection)
        real = LogHarness(database, tmp_path / "unused", clock)
        await real.add_pending(4)
        await connection.execute("UPDATE origin SET name = 'localhost/log'")
        await Sequencer(keys, "localhost/log", clock).run_once(connection)
        await real.withdraw([2])
        with pytest.raises(LogRefused, match="PUBLIC_URL"):
            await leave_localhost(database, keys, "localhost", clock.now())
        left = await leave_localhost(database, keys, "one.example", clock.now())
        assert left.waiting == 3
        assert left.away.is_dir()
        assert (keys.path / RECOVERY_KEY_FILE).read_text() == left.new.recovery.reveal() + "\n"
        while await Sequencer(keys, "one.example/log", clock).run_once(connection):
            pass
    assert await real.live_leaves() == [1, 2, 3]
    with pytest.raises(LogRefused, match="keeps its name"):
        await leave_localhost(database, keys, "two.example", clock.now())


@pytest.mark.parametrize("is_confirmed", [True, False])
async def test_a_recovery_key_that_is_not_confirmed_changes_nothing(
    database: Database, tmp_path: Path, clock: FakeClock, is_confirmed: bool
) -> None:
    keys = KeyFolder(tmp_path / "tried")
    keys.make("localhost")
    async with database.connection() as connection:
        await Sequencer(keys, "localhost/log", clock).run_once(connection)
    shown: list[PrivateKey] = []

    def show(recovery: PrivateKey) -> bool:
        assert keys.read().origin == "localhost/log", "nothing has changed yet"
        shown.append(recovery)
        if not is_confirmed:
            raise RecoveryNotConfirmed("no")
        return True

    if not is_confirmed:
        with pytest.raises(RecoveryNotConfirmed):
            await leave_localhost(database, keys, "one.example", clock.now(), show)
        assert keys.read().origin == "localhost/log"
        async with database.connection() as connection:
            await Sequencer(keys, "localhost/log", clock).check(connection)
        return
    await leave_localhost(database, keys, "one.example", clock.now(), show)
    assert keys.read().recovery == fingerprint_recovery(shown[0].vkey.public_key)
    assert keys.list_recovery_keys() == [], "a key that was confirmed is kept nowhere"
