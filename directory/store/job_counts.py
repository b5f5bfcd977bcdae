"""How much work waits, by kind: one statement over all tables of jobs."""

from datetime import datetime
from typing import Final

import msgspec

from directory.members.job_kinds import JobKind
from directory.store.arrivals import ARRIVALS
from directory.store.database import Connection, Database
from directory.store.leases import LeasedTable
from directory.store.link_checks import LINK_CHECKS
from directory.store.proof_check_rows import PROOF_CHECKS
from directory.store.rechecks import RECHECKS
from directory.store.revocations import REVOCATIONS

LEASED_TABLES: Final = {
    JobKind.POSTS: PROOF_CHECKS.rows,
    JobKind.LINKS: LINK_CHECKS.rows,
    JobKind.RECHECKS: RECHECKS,
    JobKind.REVOCATIONS: REVOCATIONS,
    JobKind.ARRIVALS: ARRIVALS,
}


class DueCount(msgspec.Struct, frozen=True):
    """Rows that are due and that nobody has claimed: those that `waiting` can be claimed, the oldest of them due
    since `oldest`; those that are `held_back` stay where they are while their host is left alone."""

    waiting: int
    held_back: int
    oldest: datetime | None


class JobCountStore:
    """Reads only. Counts, no names."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count_due(self, now: datetime) -> dict[JobKind, DueCount]:
        """What is due now, by kind; a kind without rows of its own is not among it."""
        async with self._database.connection() as connection:
            return await fetch_due_counts(connection, now)


async def fetch_due_counts(connection: Connection, now: datetime) -> dict[JobKind, DueCount]:
    """The same over a connection of one's own."""
    rows = await connection.fetch(_COUNT, now)
    return {JobKind(row["kind"]): DueCount(row["waiting"], row["held_back"], row["oldest"]) for row in rows}


def _count_of(kind: JobKind, table: LeasedTable) -> str:
    return (
        f"SELECT '{kind}' AS kind, count(*) FILTER (WHERE NOT is_held_back) AS waiting,"
        " count(*) FILTER (WHERE is_held_back) AS held_back,"
        " min(due) FILTER (WHERE NOT is_held_back) AS oldest"
        f" FROM (SELECT {table.due} AS due, {table.is_held_back} AS is_held_back FROM {table.name}"
        f" WHERE {table.waits} AND {table.due} <= $1) AS due_{table.name}"
    )


_COUNT: Final = " UNION ALL ".join(_count_of(kind, table) for kind, table in LEASED_TABLES.items())
