"""What the last daily check of the log has found: one row, for whoever asks how the instance is."""

from dataclasses import dataclass
from datetime import datetime

from directory.store.database import Connection


@dataclass(frozen=True, slots=True)
class DailyCheck:
    """When it was made, of how many leaves, how much is wrong, and the first of it in words."""

    made_at: datetime
    leaves: int
    faults: int
    first_fault: str = ""


async def fetch_daily_check(connection: Connection) -> DailyCheck | None:
    """None before the first."""
    row = await connection.fetchrow("SELECT made_at, leaves, faults, first_fault FROM daily_check")
    return None if row is None else DailyCheck(*row)


async def replace_daily_check(connection: Connection, check: DailyCheck) -> None:
    """In the place of the one before."""
    await connection.execute(
        "INSERT INTO daily_check (id, made_at, leaves, faults, first_fault) VALUES (1, $1, $2, $3, $4)"
        " ON CONFLICT (id) DO UPDATE SET made_at = excluded.made_at, leaves = excluded.leaves,"
        " faults = excluded.faults, first_fault = excluded.first_fault",
        check.made_at,
        check.leaves,
        check.faults,
        check.first_fault,
    )
