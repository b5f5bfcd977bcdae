"""Encodes the mappings that wait for a leaf, a piece at a time: while the database is at work on the next piece, one is
encoded in a thread, so that nobody who asks the same process for a page waits for all of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from directory.mappings import Mapping
from directory.store.database import Connection
from federation.aside import run_aside
from federation.errors import InvalidStatement
from federation.own_log.restamping import restamp
from federation.protocol.statement import Statement, encode_statement
from federation.store.own_mappings import fetch_pending

PIECE: Final = 2_000


@dataclass(slots=True)
class Encoded:
    """The bodies of mappings, by row number."""

    newest: datetime
    """The newest `issued`."""
    bodies: list[tuple[int, bytes]] = field(default_factory=list)
    unsayable: list[int] = field(default_factory=list)
    """Row numbers of those that cannot be encoded as a statement."""


async def encode_pending(connection: Connection, origin: str, now: datetime, limit: int) -> Encoded:
    """Locks and encodes at most `limit` mappings that wait for a leaf. The caller holds a transaction."""
    encoding: list[asyncio.Future[Encoded]] = []
    last = 0
    while limit:
        count = min(PIECE, limit)
        waiting = await fetch_pending(connection, origin, now, count, after=last)
        if waiting:
            encoding.append(run_aside(encode_mappings, waiting, now))
            last = waiting[-1][0]
        limit = limit - count if len(waiting) == count else 0
    pieces = [await piece for piece in encoding]
    return Encoded(
        max((piece.newest for piece in pieces), default=now),
        [body for piece in pieces for body in piece.bodies],
        [number for piece in pieces for number in piece.unsayable],
    )


def encode_mappings(waiting: Sequence[tuple[int, Mapping]], now: datetime) -> Encoded:
    """Encodes one mapping or more. Pure."""
    # What a machine stored whose clock runs ahead of this one's is not said with its times.
    mappings = [(number, restamp(mapping, now)) for number, mapping in waiting]
    encoded = Encoded(max(mapping.issued for _, mapping in mappings))
    for number, mapping in mappings:
        try:
            encoded.bodies.append((number, encode_statement(Statement.of(mapping))))
        except InvalidStatement:
            encoded.unsayable.append(number)
    return encoded
