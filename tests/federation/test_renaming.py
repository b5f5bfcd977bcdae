from pathlib import Path

import pytest

from directory.store.database import Database
from federation.errors import LogRefused
from federation.keys.instance import KeyFolder
from federation.own_log.rename import leave_localhost
from federation.own_log.sequencer import Sequencer
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
        count, away = await leave_localhost(database, keys, "one.example", clock.now())
        assert count == 3
        assert away.is_dir()
        keys.make("one.example")
        while await Sequencer(keys, "one.example/log", clock).run_once(connection):
            pass
    assert await real.live_leaves() == [1, 2, 3]
    with pytest.raises(LogRefused, match="keeps its name"):
        await leave_localhost(database, keys, "two.example", clock.now())
