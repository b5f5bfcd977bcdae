"""Stores the largest checkpoint of our own log that a peer has shown and this database does not lead to.

Trusted to stop the log, and for nothing else: the note is verified at each reading. Whoever deletes the row can have a
restored database fork the log, as far as the mark beside the keys lets them.
"""

from dataclasses import dataclass
from datetime import datetime

from directory.store.database import Connection


@dataclass(frozen=True, slots=True)
class Known:
    """A checkpoint of our own log with the lines of its own keys, and the peer that has shown it."""

    size: int
    note: bytes
    told_by: str
    seen_at: datetime


async def fetch_known(connection: Connection) -> Known | None:
    """Fetches the checkpoint. Returns None where none is known."""
    row = await connection.fetchrow("SELECT size, note, told_by, seen_at FROM log_known")
    return None if row is None else Known(row["size"], bytes(row["note"]), row["told_by"], row["seen_at"])


async def put_known(connection: Connection, known: Known) -> None:
    """Stores a verified checkpoint; a larger one stays."""
    await connection.execute(
        "INSERT INTO log_known (id, size, note, told_by, seen_at) VALUES (1, $1, $2, $3, $4)"
        " ON CONFLICT (id) DO UPDATE SET size = excluded.size, note = excluded.note, told_by = excluded.told_by,"
        " seen_at = excluded.seen_at WHERE log_known.size < excluded.size",
        known.size,
        known.note,
        known.told_by,
        known.seen_at,
    )


async def delete_known(connection: Connection, known: Known) -> None:
    """Deletes this checkpoint, which counts no more; another one stays."""
    await connection.execute("DELETE FROM log_known WHERE note = $1", known.note)
