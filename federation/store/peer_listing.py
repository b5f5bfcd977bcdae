"""The peers that this instance names to everybody."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from directory.origins import Standing
from directory.store.database import Database
from federation.protocol.peer import WeFollow

_NAMED: Final = """
SELECT p.origin, p.address, o.standing, o.heard_at FROM peer p JOIN origin o ON o.name = p.origin
WHERE p.confirmed_at IS NOT NULL AND p.we_follow = $1 AND p.is_listed AND o.standing = ANY($2::smallint[])
ORDER BY p.origin
"""


class NamedPeer(msgspec.Struct, frozen=True):
    """A peer that may be named. `heard_at` is the time of its log; None where it was never heard."""

    origin: str
    address: str
    standing: Standing
    heard_at: datetime | None


class PeerListing:
    """Reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_named(self, standings: Sequence[Standing]) -> list[NamedPeer]:
        """Finds the confirmed peers that we follow and whose listing nobody has turned off, of these standings."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _NAMED, WeFollow.FOLLOWING.value, [each.value for each in standings]
            )
        return [NamedPeer(row[0], row[1], Standing(row[2]), row[3]) for row in rows]
