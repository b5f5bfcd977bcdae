"""Back-offs: hosts that the jobs of all processes leave alone for a while."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from directory.networks.backoff import MAX_ASKED_WAIT, Backoff, Failure, after_failure
from directory.store.database import Connection, Database

MAX_HOSTS: Final = 10_000
"""Strangers can name any number of hosts that fail. Beyond this many no back-off is stored, and the rows of a host
keep to their own schedules."""
KEEP_AFTER: Final = timedelta(days=1)
"""A host that fails again within this time after its wait has to wait longer than before."""

IS_LEFT_ALONE: Final = (
    f"b.until > $1 AND b.until <= $1 + interval '{MAX_ASKED_WAIT.total_seconds():.0f} seconds'"
)
"""The SQL condition that the host of a row `b` is left alone; $1 is now. No back-off is longer than a day: a later end
was written by a wrong clock, and without this bound nobody would ask the host again to correct it."""
_CLEAR: Final = """
DELETE FROM host_backoff WHERE host IN (SELECT host FROM host_backoff WHERE host = ANY($1::text[])
    FOR UPDATE SKIP LOCKED)
"""


class HostBackoffStore:
    """Names servers, no people. Trusted little: whoever can change these rows can at most delay jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_backoff_end(self, host: str, now: datetime) -> datetime | None:
        """Finds until when a host is left alone. Returns None where it is not."""
        async with self._database.connection() as connection:
            until: datetime | None = await connection.fetchval(
                f"SELECT b.until FROM host_backoff b WHERE b.host = $2 AND {IS_LEFT_ALONE}", now, host
            )
        return until

    async def record_contacts(
        self, failures: Mapping[str, Failure], well: Collection[str], now: datetime
    ) -> None:
        """Records how the hosts of a job answered: those that failed are left alone, the back-off of those that
        answered ends."""
        async with self._database.connection() as connection:
            if well:
                await connection.execute(_CLEAR, list(well))
            for host, failure in failures.items():
                async with connection.transaction():  # one a host: no two jobs wait for each other
                    await _hold_back(connection, host, failure, now)

    async def purge_backoffs(self, now: datetime, limit: int) -> int:
        """Deletes back-offs that ended a day ago or whose end a wrong clock wrote; returns how many."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "DELETE FROM host_backoff WHERE host IN (SELECT host FROM host_backoff"
                " WHERE until <= $1 OR until > $2 LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING host",
                now - KEEP_AFTER,
                now + MAX_ASKED_WAIT,
                limit,
            )
        return len(rows)


async def _hold_back(connection: Connection, host: str, failure: Failure, now: datetime) -> None:
    await connection.execute(
        "DELETE FROM host_backoff WHERE host = $1 AND until > $2", host, now + MAX_ASKED_WAIT
    )
    row = await connection.fetchrow(
        "SELECT until, failures FROM host_backoff WHERE host = $1 FOR UPDATE", host
    )
    after = after_failure(Backoff(row["until"], row["failures"]) if row is not None else None, failure, now)
    if row is None and int(await connection.fetchval("SELECT count(*) FROM host_backoff")) >= MAX_HOSTS:
        return
    await connection.execute(
        "INSERT INTO host_backoff (host, until, failures, changed_at) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (host) DO UPDATE SET until = greatest(host_backoff.until, excluded.until),"
        " failures = excluded.failures, changed_at = excluded.changed_at",
        host,
        after.until,
        after.failures,
        now,
    )
