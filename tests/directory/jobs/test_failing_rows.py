"""Rows that fail each time: they come back slowly for years, and hold up no other row of their kind."""

from datetime import timedelta

from directory.store.arrivals import ArrivalStore, record_arrival
from directory.store.database import Database
from directory.store.job_counts import LEASED_TABLES
from directory.store.mapping_rows import ensure_origin
from tests.harness.clock import START

ATTEMPTS_IN_A_CENTURY = timedelta(days=365 * 100) // timedelta(minutes=5)
MOST = {"integer": 2**31 - 1, "bigint": 2**63 - 1}


async def test_a_row_that_always_fails_does_not_end_its_kind(database: Database) -> None:
    """A row whose job fails each time was claimed every five minutes, and its attempts were counted in 16 bits. After
    114 days the claim itself failed, whatever row it was for: no arrival was met any more, no proof re-checked."""
    async with database.transaction() as connection:
        origin = await ensure_origin(connection, "peer.example/log")
        await record_arrival(connection, origin, 0, 1, START)
        await connection.execute("UPDATE arrival SET attempts = 32767")
        await record_arrival(connection, origin, 1, 2, START + timedelta(seconds=1))
    arrivals = ArrivalStore(database)
    now = START + timedelta(seconds=2)
    claimed = [await arrivals.claim_due_arrival(now) for _ in range(3)]
    assert [each and each.next_leaf for each in claimed] == [0, 1, None]


async def test_attempts_are_counted_for_a_hundred_years(database: Database) -> None:
    """The same in each table whose rows are claimed."""
    async with database.connection() as connection:
        for table in LEASED_TABLES.values():
            kind = await connection.fetchval(
                "SELECT data_type FROM information_schema.columns WHERE table_name = $1 AND column_name = $2",
                table.name,
                table.attempts,
            )
            assert MOST[kind] > ATTEMPTS_IN_A_CENTURY
