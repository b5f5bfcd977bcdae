"""Encodes the mappings that wait for a leaf, a piece at a time: while the database is at work on the next piece, one is
encoded in a thread, so that nobody who asks the same process for a page waits for all of them."""

import asyncio
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self

import asyncpg

from directory.mappings import Mapping
from directory.store.database import Connection
from federation.aside import run_aside
from federation.errors import InvalidStatement
from federation.own_log.batch import SealedBody, seal_bodies
from federation.own_log.restamping import restamp
from federation.protocol.statement import Statement, encode_statement
from federation.store.own_mappings import ALL_ROWS, fetch_pending, read_pending

PIECE: Final = 2_000


@dataclass(slots=True)
class Encoded:
    """The bodies of mappings, each with its own salt."""

    bodies: list[SealedBody] = field(default_factory=list)
    said: list[Statement] = field(default_factory=list)
    """What each body says."""
    unsayable: list[int] = field(default_factory=list)
    """Row numbers of those that cannot be encoded as a statement."""

    @classmethod
    def joined(cls, pieces: Sequence["Encoded"]) -> Self:
        """Joins pieces in their order."""
        return cls(
            [body for piece in pieces for body in piece.bodies],
            [statement for piece in pieces for statement in piece.said],
            [number for piece in pieces for number in piece.unsayable],
        )

    def only(self, numbers: Set[int]) -> "Encoded":
        """Returns what is of these rows."""
        kept = [at for at, body in enumerate(self.bodies) if body[0] in numbers]
        return Encoded(
            [self.bodies[at] for at in kept],
            [self.said[at] for at in kept],
            [number for number in self.unsayable if number in numbers],
        )

    def __len__(self) -> int:
        return len(self.bodies) + len(self.unsayable)


async def encode_pending(
    connection: Connection, origin: str, now: datetime, limit: int, among: range = ALL_ROWS
) -> Encoded:
    """Locks and encodes at most `limit` mappings that wait for a leaf, among the rows with these numbers. The caller holds a
    transaction."""
    encoding: list[asyncio.Future[Encoded]] = []
    while limit:
        count = min(PIECE, limit)
        waiting = await fetch_pending(connection, origin, now, count, among)
        if waiting:
            encoding.append(run_aside(encode_rows, waiting, origin, now))
            among = rows_after(waiting, among)
        limit = limit - count if len(waiting) == count else 0
    return Encoded.joined([await piece for piece in encoding])


def rows_after(rows: Sequence[asyncpg.Record], among: range) -> range:
    """Returns which rows are left to fetch after these."""
    return range(rows[-1]["id"] + 1, among.stop)


def encode_rows(rows: Iterable[asyncpg.Record], origin: str, now: datetime) -> Encoded:
    """Encodes mappings as they were fetched."""
    return encode_mappings(read_pending(rows, origin), now)


def encode_mappings(waiting: Iterable[tuple[int, Mapping]], now: datetime) -> Encoded:
    """Encodes mappings, and draws their salts."""
    encoded = Encoded()
    bodies: list[tuple[int, bytes]] = []
    for number, mapping in waiting:
        try:
            # What a machine stored whose clock runs ahead of this one's is not said with its times.
            statement = Statement.of(restamp(mapping, now))
            bodies.append((number, encode_statement(statement)))
            encoded.said.append(statement)
        except InvalidStatement:
            encoded.unsayable.append(number)
    encoded.bodies = seal_bodies(bodies)
    return encoded
