"""Stores cosignatures of witnesses, apart from the notes that they are on: of each witness the newest.

Trusted to keep what our own witness has cosigned: whoever sets it back can have it cosign a smaller tree of our own log,
as far as the mark beside the keys lets them. What others have cosigned is verified before it comes here.
"""

from dataclasses import dataclass
from datetime import datetime

from directory.store.database import Connection
from federation.tlog.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class Cosignature:
    """The newest cosignature of a witness on a log, and when it was made. The line is not parsed here: a damaged one is
    renewed like any other, and nobody is shown it."""

    origin: str
    name: str
    key_id: bytes
    size: int
    root: bytes
    at: datetime
    line: str

    def is_on(self, checkpoint: Checkpoint) -> bool:
        """Whether it is on exactly this tree."""
        return (self.origin, self.size, self.root) == (checkpoint.origin, checkpoint.size, checkpoint.root)


async def find_cosignature(connection: Connection, origin: str, name: str) -> Cosignature | None:
    """Finds what a witness has cosigned last of a log. Returns None where it has cosigned nothing."""
    row = await connection.fetchrow(
        "SELECT origin, name, key_id, size, root, at, line FROM log_cosignature WHERE origin = $1 AND name = $2",
        origin,
        name,
    )
    return None if row is None else Cosignature(*row)


async def swap_cosignature(connection: Connection, before: Cosignature | None, new: Cosignature) -> bool:
    """Replaces the cosignature `before`: compare and swap. Returns False where another one is stored by now, or the new
    one is of a smaller tree or an earlier time."""
    if before is None:
        done = await connection.execute(
            "INSERT INTO log_cosignature (origin, name, key_id, size, root, at, line)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (origin, name) DO NOTHING",
            *_row_of(new),
        )
        return done == "INSERT 0 1"
    done = await connection.execute(
        "UPDATE log_cosignature SET key_id = $3, size = $4, root = $5, at = $6, line = $7"
        " WHERE origin = $1 AND name = $2 AND size = $8 AND root = $9 AND at = $10 AND size <= $4 AND at <= $6",
        *_row_of(new),
        before.size,
        before.root,
        before.at,
    )
    return done == "UPDATE 1"


async def put_cosignature(connection: Connection, new: Cosignature, not_after: datetime) -> None:
    """Stores the cosignature of another witness where it is the newest of that witness. One that is of a time after
    `not_after` gives way: it was made under a clock that ran ahead, as was ours when it came."""
    await connection.execute(
        "INSERT INTO log_cosignature (origin, name, key_id, size, root, at, line) VALUES ($1, $2, $3, $4, $5, $6, $7)"
        " ON CONFLICT (origin, name) DO UPDATE SET key_id = excluded.key_id, size = excluded.size,"
        " root = excluded.root, at = excluded.at, line = excluded.line"
        " WHERE log_cosignature.at <= excluded.at OR log_cosignature.at > $8",
        *_row_of(new),
        not_after,
    )


async def delete_cosignatures_after(connection: Connection, origin: str, now: datetime) -> None:
    """Deletes cosignatures of a time that is still to come: a clock that ran ahead made them."""
    await connection.execute("DELETE FROM log_cosignature WHERE origin = $1 AND at > $2", origin, now)


def _row_of(new: Cosignature) -> tuple[str, str, bytes, int, bytes, datetime, str]:
    return new.origin, new.name, new.key_id, new.size, new.root, new.at, new.line
