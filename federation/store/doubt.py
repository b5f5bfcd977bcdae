"""Stores that nothing is signed, and why, so that every process can tell it. Trusted for nothing but this."""

from dataclasses import dataclass
from datetime import datetime

from directory.store.database import Connection


@dataclass(frozen=True, slots=True)
class Doubt:
    """Since when nothing is signed, and why, in a sentence for the operator."""

    since: datetime
    reason: str


async def find_doubt(connection: Connection) -> Doubt | None:
    """Finds why nothing is signed. Returns None where nobody has told so."""
    row = await connection.fetchrow("SELECT since, reason FROM log_doubt")
    return None if row is None else Doubt(row["since"], row["reason"])


async def record_doubt(connection: Connection, reason: str, now: datetime) -> None:
    """Records that nothing is signed. The first time stays while the doubt does."""
    await connection.execute(
        "INSERT INTO log_doubt (id, since, reason) VALUES (1, $1, $2)"
        " ON CONFLICT (id) DO UPDATE SET reason = excluded.reason",
        now,
        reason,
    )


async def end_doubt(connection: Connection) -> Doubt | None:
    """Deletes the record, and returns it. Returns None where there was no doubt."""
    row = await connection.fetchrow("DELETE FROM log_doubt RETURNING since, reason")
    return None if row is None else Doubt(row["since"], row["reason"])
