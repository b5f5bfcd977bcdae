"""Reads what is held of the log of a peer, for that peer itself: should it have lost it, it gets it back."""

from dataclasses import dataclass
from typing import Final

from directory.store.database import Database
from federation.protocol.peer_places import MAX_LEAVES, peer_place
from federation.tlog.tiles import TILE_WIDTH

MAX_BUNDLES: Final = MAX_LEAVES // TILE_WIDTH
"""Beyond, a key would be that of another log."""

_BUNDLE: Final = """
SELECT l.id, l.size, b.data FROM peer_log l LEFT JOIN peer_bundle b ON b.place = l.id * (1::bigint << 40) + $2
WHERE l.origin = $1
"""


@dataclass(frozen=True, slots=True)
class HeldBundle:
    """What is held for the leaves of one entry bundle, as of one moment."""

    size: int
    """The size of the tree that was believed."""
    entries: bytes
    statements: dict[int, tuple[bytes, bytes]]
    """Salt and body by leaf."""
    revokes: dict[int, int]
    """The revoking entry by its target."""


class PeerCopyStore:
    """Not trusted: the peer checks all of it by its own signatures. It holds bodies: only for the peer they are of."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read_bundle(self, origin: str, number: int) -> HeldBundle | None:
        """Reads what is held for a bundle of a peer's log. Returns None where none of it was read."""
        if number >= MAX_BUNDLES:
            return None
        async with (
            self._database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            log = await connection.fetchrow(_BUNDLE, origin, number)
            if log is None or log["data"] is None:
                return None
            first = peer_place(log["id"], number * TILE_WIDTH)
            statements = await connection.fetch(
                "SELECT place - $1 AS at, salt, body FROM peer_statement WHERE place >= $1 AND place < $1 + $2",
                first,
                TILE_WIDTH,
            )
            revokes = await connection.fetch(
                "SELECT place - $1 AS at, leaf FROM peer_revoke WHERE place >= $1 AND place < $1 + $2",
                first,
                TILE_WIDTH,
            )
        start = number * TILE_WIDTH
        return HeldBundle(
            log["size"],
            bytes(log["data"]),
            {start + row["at"]: (bytes(row["salt"]), bytes(row["body"])) for row in statements},
            {start + row["at"]: row["leaf"] for row in revokes},
        )

    async def find_document(self, origin: str, number: int) -> bytes | None:
        """Finds a signed operations document of a peer's log. Returns None where it is not held."""
        async with self._database.connection() as connection:
            note = await connection.fetchval(
                "SELECT d.note FROM peer_document d JOIN peer_log l ON l.id = d.log"
                " WHERE l.origin = $1 AND d.number = $2",
                origin,
                number,
            )
        return None if note is None else bytes(note)

    async def find_checkpoint(self, origin: str) -> bytes | None:
        """Finds the checkpoint under which a peer's log was believed last, with its own lines. Returns None before the
        first."""
        async with self._database.connection() as connection:
            note = await connection.fetchval("SELECT note FROM peer_log WHERE origin = $1", origin)
        return None if note is None else bytes(note)

    async def find_size(self, origin: str) -> int:
        """Finds up to where the log of a peer was read and believed."""
        async with self._database.connection() as connection:
            return await connection.fetchval("SELECT size FROM peer_log WHERE origin = $1", origin) or 0
