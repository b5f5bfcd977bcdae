"""Stores evidence of equivocations, and the deliveries of it that are still to be made.

Trusted to keep what was found: whoever can delete rows here can hide that a log has forked. The files themselves prove
what they say to anyone.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from directory.origins import Standing
from directory.store.database import Connection


@dataclass(frozen=True, slots=True)
class ProvenFork:
    """Evidence that proves a fork of `origin`: the file, when it came here, and the peer that sent it, if one did."""

    origin: str
    digest: bytes
    file: bytes
    found_at: datetime
    told_by: str


async def insert_evidence(connection: Connection, found: ProvenFork) -> int | None:
    """Inserts proven evidence. Returns its number, None where this file is kept already."""
    number = await connection.fetchval(
        "INSERT INTO peer_evidence (origin, digest, file, found_at, told_by, is_proven)"
        " VALUES ($1, $2, $3, $4, $5, true) ON CONFLICT (digest) DO NOTHING RETURNING id",
        found.origin,
        found.digest,
        found.file,
        found.found_at,
        found.told_by,
    )
    return None if number is None else int(number)


async def lock_standing(connection: Connection, origin: str) -> Standing | None:
    """Reads the standing of an origin and locks its row. Returns None where the origin is not known."""
    standing = await connection.fetchval("SELECT standing FROM origin WHERE name = $1 FOR UPDATE", origin)
    return None if standing is None else Standing(standing)


async def freeze_origin(connection: Connection, origin: str) -> None:
    """Freezes an origin: its mappings answer no more. The caller has locked it, and may do so."""
    await connection.execute("UPDATE origin SET standing = $2 WHERE name = $1", origin, Standing.FROZEN.value)


async def schedule_deliveries(
    connection: Connection, evidence: int, but: Collection[str], now: datetime
) -> int:
    """Schedules a delivery to each confirmed peer that is not suspended, except those of `but`. Returns how many."""
    done = await connection.execute(
        "INSERT INTO peer_delivery (evidence, origin, next_at)"
        " SELECT $1, p.origin, $3 FROM peer p LEFT JOIN origin o ON o.name = p.origin"
        " WHERE p.confirmed_at IS NOT NULL AND NOT p.origin = ANY($2::text[])"
        " AND coalesce(o.standing, 0) <> $4",
        evidence,
        list(but),
        now,
        Standing.SUSPENDED.value,
    )
    return int(done.rpartition(" ")[2])
