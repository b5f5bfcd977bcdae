"""Reads of our own log for those who serve it. The caller asks for nothing beyond the published size."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from directory.origins import HIDDEN_AFTER
from directory.store.database import Database
from directory.store.mapping_conditions import (
    IS_ACTIVE,
    IS_NOT_HIDDEN,
    IS_WITHDRAWN,
    holds_at,
    origin_answers,
)
from federation.protocol.log_state import read_own_checkpoint
from federation.store.doubt import Doubt, find_doubt
from federation.store.log_rows import fetch_tiles
from federation.tlog.tiles import Bundle, Tile

_IS_ANSWERING: Final = f"""
SELECT origin.id, {origin_answers("$4")} AND EXISTS (SELECT FROM mapping m WHERE m.origin = origin.id AND m.leaf = $2
    AND {IS_ACTIVE} AND {IS_NOT_HIDDEN} AND {holds_at("$3")}) AS holds
FROM origin WHERE origin.name = $1
"""
_PUBLISHED: Final = """
SELECT s.origin, s.published, s.published_size, c.root, c.line FROM log_state s
LEFT JOIN log_cosignature c ON c.origin = s.origin AND c.size = s.published_size ORDER BY c.name
"""
_STATEMENT: Final = f"""
SELECT s.salt, s.body FROM log_statement s WHERE s.leaf = $1 AND s.ended IS NULL AND s.revoked_by IS NULL
    AND NOT EXISTS (SELECT FROM mapping m JOIN origin ON origin.id = m.origin JOIN log_state l ON l.origin = origin.name
        WHERE m.leaf = s.leaf AND {IS_WITHDRAWN})
"""


@dataclass(frozen=True, slots=True)
class Published:
    """The last published checkpoint, a note as its log signed it, and its size."""

    origin: str
    note: bytes
    size: int
    cosignatures: tuple[str, ...] = ()
    """Lines of witnesses on exactly this checkpoint, as they are stored: to be verified before anybody sees them."""


class LogStore:
    """Reads the log, and stores the links to its proofs. Trusted only as far as the checkpoint's signature covers it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_published(self) -> Published | None:
        """Finds the published checkpoint. Returns None before the first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_PUBLISHED)
        if not rows or rows[0]["published"] is None:
            return None
        note = bytes(rows[0]["published"])
        root = read_own_checkpoint(note).root
        lines = tuple(row["line"] for row in rows if row["root"] == root)
        return Published(rows[0]["origin"], note, rows[0]["published_size"], lines)

    async def find_doubt(self, origin: str, witness: str, late_before: datetime) -> Doubt | None:
        """Finds why nothing is published: nothing is signed, or `witness`, the log's own, has not cosigned since
        `late_before`. Returns None where all is well, and before the log is begun."""
        async with self._database.connection() as connection:
            told = await find_doubt(connection)
            newest = await connection.fetchval(
                "SELECT max(at) FROM log_cosignature WHERE origin = $1 AND name = $2",
                origin,
                witness,
            )
        if told is not None:
            return told
        is_late = newest is not None and newest < late_before
        return Doubt(newest, "no process leads the log") if is_late else None

    async def find_tiles(self, items: Sequence[Tile | Bundle]) -> dict[Tile | Bundle, bytes]:
        """Finds what is stored for each, which may be wider than asked for; what is missing is left out."""
        async with self._database.connection() as connection:
            return await fetch_tiles(connection, items)

    async def find_statement(self, leaf: int) -> tuple[bytes, bytes] | None:
        """Finds salt and body of a leaf of our own log. Returns None where it has none, they are erased, or what they say
        was withdrawn or replaced, and is still to be revoked."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_STATEMENT, leaf)
        return None if row is None else (bytes(row["salt"]), bytes(row["body"]))

    async def list_documents(self, size: int) -> list[bytes]:
        """Lists the signed operations documents of the leaves below `size`, the first one first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT note FROM log_operations WHERE leaf < $1 ORDER BY number", size
            )
        return [bytes(row["note"]) for row in rows]

    async def is_answering(self, origin: str, leaf: int, now: datetime) -> bool | None:
        """Tells whether the mapping of a leaf answers here now. Returns None where the origin is unknown."""
        async with self._database.connection() as connection:
            found = await connection.fetchrow(
                _IS_ANSWERING,
                origin,
                leaf,
                now,
                now - HIDDEN_AFTER,
            )
        return None if found is None else bool(found["holds"])

    async def add_proof_link(self, token_hash: bytes, leaf: int, expires: datetime) -> None:
        """Stores a link."""
        async with self._database.connection() as connection:
            await connection.execute(
                "INSERT INTO proof_link (token_hash, leaf, expires) VALUES ($1, $2, $3)",
                token_hash,
                leaf,
                expires,
            )

    async def take_proof_link(self, token_hash: bytes, leaf: int, now: datetime) -> bool:
        """Uses up a link. Returns False where none is valid."""
        async with self._database.connection() as connection:
            taken = await connection.fetchval(
                "DELETE FROM proof_link WHERE token_hash = $1 AND leaf = $2 AND expires > $3 RETURNING true",
                token_hash,
                leaf,
                now,
            )
        return bool(taken)
