"""How publications are tied to what was brought back, before anything is known of the rows."""

from pathlib import Path

import pytest

from directory.store.database import Database
from federation.store import reclaiming
from tests.federation.log_harness import LogHarness
from tests.harness.clock import FakeClock


@pytest.fixture
def harness(database: Database, folder: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, folder / "data", clock)


async def test_no_row_is_compared_with_each_other_row(harness: LogHarness) -> None:
    """What happened: what was just brought back has no statistics, and PostgreSQL, which took it for one row, compared each
    leaf with each."""
    await harness.add_pending(300)
    await harness.run()
    async with harness.database.transaction() as connection:
        await reclaiming.reclaim_publications(connection, 1, 0, may_have_ended=False)
        assert await connection.fetchval("SHOW enable_nestloop") == "on", "what follows is planned as before"
        await connection.execute(reclaiming._BY_HASH)
        told = reclaiming._FIND.replace("$1", "1").replace("$2", "0")
        plan = [row[0] for row in await connection.fetch(f"EXPLAIN {told}")]
    assert not any("Nested Loop" in line for line in plan), "\n".join(plan)
