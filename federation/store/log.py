"""Reads of our own log for those who serve it. The caller asks for nothing beyond the published size."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from directory.origins import HIDDEN_AFTER
from directory.store.database import Database
from directory.store.mapping_conditions import IS_ACTIVE, IS_NOT_HIDDEN, holds_at, origin_answers
from federation.store.log_rows import fetch_tiles
from federation.tlog.tiles import Bundle, Tile

_IS_ANSWERING: Final = f"""
SELECT origin.id, {origin_answers("$4")} AND EXISTS (SELECT FROM mapping m WHERE m.origin = origin.id AND m.leaf = $2
    AND {IS_ACTIVE} AND {IS_NOT_HIDDEN} AND {holds_at("$3")}) AS holds
FROM origin WHERE origin.name = $1
"""


@dataclass(frozen=True, slots=True)
class Published:
    """The last published checkpoint, a note, and its size."""

    origin: str
    note: bytes
    size: int


class LogStore:
    """Reads the log, and stores the links to its proofs. Trusted only as far as the checkpoint's signature covers it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_published(self) -> Published | None:
        """Finds the published checkpoint. Returns None before the first."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow("SELECT origin, published, published_size FROM log_state")
        if row is None or row["published"] is None:
            return None
        return Published(row["origin"], bytes(row["published"]), row["published_size"])

    async def find_tiles(self, items: Sequence[Tile | Bundle]) -> dict[Tile | Bundle, bytes]:
        """Finds what is stored for each, which may be wider than asked for; what is missing is left out."""
        async with self._database.connection() as connection:
            return await fetch_tiles(connection, items)

    async def find_statement(self, leaf: int) -> tuple[bytes, bytes] | None:
        """Finds salt and body of a leaf. Returns None where they are erased, or the leaf has none."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow("SELECT salt, body FROM log_statement WHERE leaf = $1", leaf)
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

    async def add_proof_link(self, token_hash: bytes, leaf: int, expires: datetime, now: datetime) -> None:
        """Stores a link; deletes expired ones."""
        async with self._database.transaction() as connection:
            await connection.execute("DELETE FROM proof_link WHERE expires <= $1", now)
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
