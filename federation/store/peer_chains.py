"""Reads what is held of the keys of peers: who was confirmed, and the documents of their logs.

Trusted: whoever can change these rows decides whose checkpoints this instance cosigns and believes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from directory.origins import ANSWERING, Standing
from directory.store.database import Connection

Version = tuple[int, int, int]

_KNOWN: Final = """
SELECT p.origin, p.address, p.first_key, o.standing, l.id AS log,
    count(d.id) AS documents, coalesce(max(d.id), 0) AS newest, count(d.leaf) AS found
FROM peer p JOIN peer_log l ON l.origin = p.origin
LEFT JOIN origin o ON o.name = p.origin LEFT JOIN peer_document d ON d.log = l.id
WHERE p.confirmed_at IS NOT NULL
"""
_GROUPED: Final = " GROUP BY p.origin, o.standing, l.id ORDER BY p.origin"


@dataclass(frozen=True, slots=True)
class KnownPeer:
    """A peer whose keys an operator has confirmed."""

    origin: str
    address: str
    first_key: str
    standing: Standing | None
    """None where nothing is stored of its standing yet."""
    log: int
    version: Version
    """Changes with each document that is stored or found in the tree."""

    @property
    def is_heard(self) -> bool:
        """Whether this instance deals with it: it is neither suspended nor frozen."""
        return self.standing in ANSWERING


async def fetch_known_peer(connection: Connection, origin: str) -> KnownPeer | None:
    """Fetches a confirmed peer. Returns None where it is none."""
    row = await connection.fetchrow(f"{_KNOWN} AND p.origin = $1 {_GROUPED}", origin)
    return None if row is None else _peer_of(row)


async def fetch_known_peers(connection: Connection, origins: Sequence[str] | None = None) -> list[KnownPeer]:
    """Fetches the confirmed peers among these origins; all of them where none are named."""
    named = None if origins is None else list(origins)
    rows = await connection.fetch(
        f"{_KNOWN} AND ($1::text[] IS NULL OR p.origin = ANY($1)) {_GROUPED}", named
    )
    return [_peer_of(row) for row in rows]


async def fetch_peer_documents(connection: Connection, log: int) -> list[tuple[bytes, bool]]:
    """Fetches the signed documents of a peer's log in order, and of each whether its entry was found in the tree."""
    rows = await connection.fetch(
        "SELECT note, leaf IS NOT NULL AS is_found FROM peer_document WHERE log = $1 ORDER BY number", log
    )
    return [(bytes(row["note"]), row["is_found"]) for row in rows]


async def fetch_read_tree(connection: Connection, log: int) -> tuple[int, bytes, bytes] | None:
    """Fetches size, root and note of what was read of a peer's log. Returns None where nothing was believed yet."""
    row = await connection.fetchrow(
        "SELECT size, root, note FROM peer_log WHERE id = $1 AND note IS NOT NULL", log
    )
    return None if row is None else (row["size"], bytes(row["root"]), bytes(row["note"]))


def _peer_of(row: asyncpg.Record) -> KnownPeer:
    standing = None if row["standing"] is None else Standing(row["standing"])
    version = (row["documents"], row["newest"], row["found"])
    return KnownPeer(row["origin"], row["address"], row["first_key"], standing, row["log"], version)
