"""The doctor's check of the jobs: by kind, since when, and what to do where no process does them."""

from datetime import UTC, datetime, timedelta

import asyncpg

from deploy.job_check import LATE_AFTER, look_at_jobs
from directory.store.database import Connection


async def add(connection: Connection, host: str, age: timedelta) -> None:
    """Adds a revocation that has been due for so long."""
    await connection.execute(
        "INSERT INTO revocation (id, network, issuer, token_hash, sealed, asked_at, next_at)"
        " VALUES (gen_random_uuid(), 2, $1, '', '', $2, $2)",
        host,
        datetime.now(UTC) - age,
    )


async def test_what_waits_is_told_and_what_waits_too_long_is_marked(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    finding = await look_at_jobs(connection)
    assert (finding.name, finding.is_good, finding.seen) == ("Jobs", True, "nothing waits")
    await add(connection, "one.example", timedelta(minutes=5))
    await add(connection, "down.example", timedelta(days=9))
    until = datetime.now(UTC) + timedelta(hours=1)
    await connection.execute("INSERT INTO host_backoff VALUES ('down.example', $1, 1, $1)", until)
    finding = await look_at_jobs(connection)
    assert finding.is_good
    assert finding.seen == ("waiting: 1 revocations; the oldest for 5 min; 1 more wait for a host that fails")
    await add(connection, "two.example", LATE_AFTER)
    finding = await look_at_jobs(connection)
    assert not finding.is_good
    assert finding.seen.startswith("waiting: 2 revocations; the oldest for 60 min")
    assert "whose PASSERELLE_ROLES name `worker`" in finding.mend
    await connection.close()
