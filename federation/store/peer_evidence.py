"""Stores evidence of forks, freezes the log that it is about, and queues it for the other peers: in one step.

Trusted: whoever can change these rows can freeze a peer. Evidence is verified before it comes here. Of each log so few
files are kept that whoever holds its keys cannot fill the table, and none is sent on twice.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from hashlib import sha256
from typing import Final

import asyncpg

from directory.origins import Standing
from directory.store.database import Connection

MAX_PROVEN: Final = 8
"""Files of one log that prove a fork: the first ones are kept."""
MAX_OTHERS: Final = 2
"""Files of one log that a retired key explains. Counted apart, so that a thief of a former key leaves room for what is
held against the log."""


@dataclass(frozen=True, slots=True)
class Fork:
    """Evidence that a log has forked, as a file."""

    origin: str
    file: bytes
    older_size: int
    newer_size: int
    explained: str = ""
    """Why it is not held against the log: a sentence for the operator. Empty where nothing explains it."""
    told_by: str = ""
    """The origin of the peer that sent it; empty where we found it ourselves."""
    is_ours: bool = False
    """Whether it is about our own log, which nobody freezes here, and of which we tell nobody."""

    @property
    def freezes(self) -> bool:
        """Whether the log is frozen for it."""
        return not self.explained and not self.is_ours


@dataclass(frozen=True, slots=True)
class KeptFork:
    """A fork as it is stored."""

    id: int
    fork: Fork
    found_at: datetime


class Recorded(Enum):
    """What became of evidence."""

    KEPT = auto()
    KNOWN = auto()
    """This very file was here."""
    FULL = auto()
    """As many as are kept of this log were here."""


async def keep_fork(connection: Connection, fork: Fork, now: datetime) -> Recorded:
    """Keeps evidence, freezes its log, and queues the file for every other peer: once for each file.

    An operator who has lifted a freeze decided over all that was known: what others send of the same sizes, in whatever
    new pairs, does not freeze it again. The caller holds a transaction, and has verified the evidence.
    """
    # So that two at once do not count the same files.
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 11))", fork.origin)
    digest = sha256(fork.file).digest()
    if await connection.fetchval("SELECT true FROM peer_evidence WHERE digest = $1", digest):
        return Recorded.KNOWN
    if fork.freezes and await _is_news(connection, fork):
        await freeze(connection, fork.origin)
    if await _count(connection, fork) >= (MAX_OTHERS if fork.explained else MAX_PROVEN):
        return Recorded.FULL
    number = await connection.fetchval(
        "INSERT INTO peer_evidence (origin, digest, file, found_at, told_by, explained, older_size, newer_size,"
        " is_proven) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, true) RETURNING id",
        fork.origin,
        digest,
        fork.file,
        now,
        fork.told_by,
        fork.explained,
        fork.older_size,
        fork.newer_size,
    )
    if fork.freezes:
        await _queue(connection, number, fork, now)
    return Recorded.KEPT


async def freeze(connection: Connection, origin: str) -> bool:
    """Freezes a log of a peer, whatever its standing, which is kept for whoever lifts that. Returns False where it was frozen,
    or is no origin here."""
    await connection.execute("SELECT FROM origin WHERE name = $1 FOR UPDATE", origin)
    await connection.execute(
        "UPDATE peer p SET frozen_from = o.standing FROM origin o"
        " WHERE p.origin = $1 AND o.name = $1 AND o.standing <> $2",
        origin,
        Standing.FROZEN.value,
    )
    done = await connection.execute(
        "UPDATE origin SET standing = $2 WHERE name = $1 AND standing <> $2"
        " AND EXISTS (SELECT FROM peer WHERE origin = $1)",
        origin,
        Standing.FROZEN.value,
    )
    return done == "UPDATE 1"


async def list_forks(connection: Connection, origin: str | None = None) -> list[KeptFork]:
    """Lists the evidence that is kept, of one log or of all, the oldest first."""
    rows = await connection.fetch(
        "SELECT id, origin, file, older_size, newer_size, explained, told_by, found_at FROM peer_evidence"
        " WHERE $1::text IS NULL OR origin = $1 ORDER BY origin, id",
        origin,
    )
    return [_kept(row) for row in rows]


async def list_frozen(connection: Connection) -> list[str]:
    """Lists the origins of peers that are frozen now."""
    rows = await connection.fetch(
        "SELECT o.name FROM origin o JOIN peer p ON p.origin = o.name WHERE o.standing = $1 ORDER BY o.name",
        Standing.FROZEN.value,
    )
    return [row["name"] for row in rows]


async def _is_news(connection: Connection, fork: Fork) -> bool:
    """Whether evidence shows more than what is kept: we found it ourselves, or both its trees are larger."""
    known = await connection.fetchval(
        "SELECT max(newer_size) FROM peer_evidence WHERE origin = $1 AND explained = ''",
        fork.origin,
    )
    return not fork.told_by or known is None or fork.older_size > known


async def _count(connection: Connection, fork: Fork) -> int:
    return int(
        await connection.fetchval(
            "SELECT count(*) FROM peer_evidence WHERE origin = $1 AND (explained = '') = $2",
            fork.origin,
            not fork.explained,
        )
    )


async def _queue(connection: Connection, number: int, fork: Fork, now: datetime) -> None:
    """Queues a file for all confirmed peers but the one it is about and the one that sent it."""
    await connection.execute(
        "INSERT INTO peer_delivery (evidence, origin, next_at) SELECT $1, p.origin, $2 FROM peer p"
        " LEFT JOIN origin o ON o.name = p.origin WHERE p.confirmed_at IS NOT NULL"
        " AND p.origin <> ALL($3::text[]) AND coalesce(o.standing, 0) <> ALL($4::smallint[])",
        number,
        now,
        [fork.origin, fork.told_by],
        [Standing.SUSPENDED.value, Standing.FROZEN.value],
    )


def _kept(row: asyncpg.Record) -> KeptFork:
    fork = Fork(
        row["origin"],
        bytes(row["file"]),
        row["older_size"],
        row["newer_size"],
        row["explained"],
        row["told_by"],
    )
    return KeptFork(row["id"], fork, row["found_at"])
