"""Stores what our witness has cosigned last of each log of others.

Trusted: whoever can set a row back can have our witness cosign a smaller tree, or another one of the same size. Only lines
that were verified come here.
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from directory.store.database import Connection

_COLUMNS: Final = "origin, size, root, note, at, line"


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A checkpoint with the log's verified lines, and our cosignature on it."""

    origin: str
    size: int
    root: bytes
    note: bytes
    at: datetime
    line: str


async def fetch_witnessed(connection: Connection, origin: str, *, lock: bool = False) -> Witnessed | None:
    """Fetches what was cosigned last of a log. Returns None where nothing was. With `lock`, the row is locked."""
    end = " FOR UPDATE" if lock else ""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM peer_witnessed WHERE origin = $1{end}", origin)
    return None if row is None else Witnessed(*row)


async def find_witnessed(connection: Connection, digest: bytes) -> Witnessed | None:
    """Finds what was cosigned last of the log whose origin has this SHA-256. Returns None where nothing was."""
    origins = await connection.fetch("SELECT origin FROM peer_witnessed")
    named = (row["origin"] for row in origins if sha256(row["origin"].encode()).digest() == digest)
    origin = next(named, None)
    return None if origin is None else await fetch_witnessed(connection, origin)


async def swap_witnessed(connection: Connection, before: Witnessed | None, new: Witnessed) -> bool:
    """Replaces `before`: compare and swap. Returns False where another one is stored by now, or the new time is
    earlier."""
    row = (new.origin, new.size, new.root, new.note, new.at, new.line)
    if before is None:
        done = await connection.execute(
            f"INSERT INTO peer_witnessed ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            *row,
        )
        return done == "INSERT 0 1"
    done = await connection.execute(
        "UPDATE peer_witnessed SET size = $2, root = $3, note = $4, at = $5, line = $6"
        " WHERE origin = $1 AND size = $7 AND root = $8 AND at = $9 AND at <= $5",
        *row,
        before.size,
        before.root,
        before.at,
    )
    return done == "UPDATE 1"


async def find_newest_time(connection: Connection) -> datetime | None:
    """Returns the latest time that our witness has signed. None before the first."""
    newest: datetime | None = await connection.fetchval("SELECT max(at) FROM peer_witnessed")
    return newest


async def reset_witnessed_times(connection: Connection, now: datetime) -> int:
    """Sets times that are still to come to `now`; what was cosigned stays. Returns of how many logs."""
    done = await connection.execute("UPDATE peer_witnessed SET at = $1 WHERE at > $1", now)
    return int(done.removeprefix("UPDATE "))
