"""Counts waiting jobs by kind: one statement over all tables of jobs."""

from datetime import datetime
from typing import Final

import msgspec

from directory.members.job_kinds import JobKind
from directory.store.arrivals import ARRIVALS
from directory.store.claims import CLAIM_LOOKS
from directory.store.database import Connection, Database
from directory.store.follow_runs import FOLLOW_RUNS
from directory.store.leases import LeasedTable
from directory.store.link_checks import LINK_CHECKS
from directory.store.newcomer_messages import MESSAGES
from directory.store.proof_check_rows import PROOF_CHECKS
from directory.store.rechecks import RECHECKS
from directory.store.revocations import REVOCATIONS

LEASED_TABLES: Final = {
    JobKind.POSTS: PROOF_CHECKS.rows,
    JobKind.LINKS: LINK_CHECKS.rows,
    JobKind.RECHECKS: RECHECKS,
    JobKind.CLAIMS: CLAIM_LOOKS,
    JobKind.REVOCATIONS: REVOCATIONS,
    JobKind.ARRIVALS: ARRIVALS,
    JobKind.FOLLOWS: FOLLOW_RUNS,
    JobKind.MESSAGES: MESSAGES,
}


class DueCount(msgspec.Struct, frozen=True):
    """Rows that are due and that nobody has claimed.

    `waiting` can be claimed, the oldest of them due since `oldest`; `held_back` stay due while their host is
    left alone.
    """

    waiting: int
    held_back: int
    oldest: datetime | None


class JobCountStore:
    """Reads counts only, no names."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count_due(self, now: datetime) -> dict[JobKind, DueCount]:
        """Counts what is due now, by kind. A kind without a table of its own is left out."""
        async with self._database.connection() as connection:
            return await fetch_due_counts(connection, now)


async def fetch_due_counts(connection: Connection, now: datetime) -> dict[JobKind, DueCount]:
    """Counts what is due now, over a connection of the caller's."""
    rows = await connection.fetch(_COUNT, now)
    return {JobKind(row["kind"]): DueCount(row["waiting"], row["held_back"], row["oldest"]) for row in rows}


def _count_of(kind: JobKind, table: LeasedTable) -> str:
    return (
        f"SELECT '{kind}' AS kind, count(*) FILTER (WHERE NOT is_held_back) AS waiting,"
        " count(*) FILTER (WHERE is_held_back) AS held_back,"
        " min(due) FILTER (WHERE NOT is_held_back) AS oldest"
        f" FROM (SELECT {table.due} AS due, {table.is_held_back} AS is_held_back FROM {table.name}"
        f" WHERE {table.waits} AND {table.is_due}) AS due_{table.name}"
    )


_COUNT: Final = " UNION ALL ".join(_count_of(kind, table) for kind, table in LEASED_TABLES.items())
