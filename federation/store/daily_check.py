"""Stores the result of the last daily check of the log, in one row."""

from dataclasses import dataclass
from datetime import datetime

from directory.store.database import Connection


@dataclass(frozen=True, slots=True)
class DailyCheck:
    """When a check was made, of how many leaves, how many faults it found, and the first of them in words."""

    made_at: datetime
    leaves: int
    faults: int
    first_fault: str = ""


async def fetch_daily_check(connection: Connection) -> DailyCheck | None:
    """Fetches the last check. Returns None before the first."""
    row = await connection.fetchrow("SELECT made_at, leaves, faults, first_fault FROM daily_check")
    return None if row is None else DailyCheck(*row)


async def replace_daily_check(connection: Connection, check: DailyCheck) -> None:
    """Replaces the last check."""
    await connection.execute(
        "INSERT INTO daily_check (id, made_at, leaves, faults, first_fault) VALUES (1, $1, $2, $3, $4)"
        " ON CONFLICT (id) DO UPDATE SET made_at = excluded.made_at, leaves = excluded.leaves,"
        " faults = excluded.faults, first_fault = excluded.first_fault",
        check.made_at,
        check.leaves,
        check.faults,
        check.first_fault,
    )
