"""Reads whose requests are answered: confirmed peers, and the documents of theirs that are held."""

from dataclasses import dataclass
from typing import Final

from directory.origins import Standing
from directory.store.database import Database
from federation.protocol.peer import Peer
from federation.store.peers import peer_of

_SIGNER: Final = """
SELECT p.*, o.standing, l.id AS log, coalesce((SELECT max(d.id) FROM peer_document d WHERE d.log = l.id), 0) AS newest,
    (SELECT count(*) FROM peer_document d WHERE d.log = l.id) AS documents
FROM peer p JOIN peer_log l ON l.origin = p.origin JOIN origin o ON o.name = p.origin
WHERE p.origin = $1 AND p.confirmed_at IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Signer:
    """A confirmed peer. `version` changes with its documents."""

    peer: Peer
    standing: Standing
    log: int
    version: tuple[int, int, int]


class SignerStore:
    """Trusted: whoever can change these rows can ask for bodies in the name of a peer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_signer(self, origin: str) -> Signer | None:
        """Finds a confirmed peer. Returns None where the origin is none."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_SIGNER, origin)
        if row is None:
            return None
        version = (row["log"], row["newest"], row["documents"])
        return Signer(peer_of(row), Standing(row["standing"]), row["log"], version)

    async def list_documents(self, log: int) -> list[bytes]:
        """Lists the signed documents that are held of a log, the first one first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT note FROM peer_document WHERE log = $1 ORDER BY number", log
            )
        return [bytes(row["note"]) for row in rows]
