"""Counts over all mappings."""

from datetime import datetime

from directory.mappings import Network, Strength
from directory.store.database import Database
from directory.store.mappings import network_of_code

COUNT_TIMEOUT_S = 300.0


class StatisticsStore:
    """Reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, now: datetime) -> tuple[list[tuple[Network, Strength, int]], int, int]:
        """Active mappings by network and strength, the X accounts among them, and their origins."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT network, strength, count(*) FROM mapping WHERE state = 1 AND expires > $1 GROUP BY 1, 2",
                now,
                timeout=COUNT_TIMEOUT_S,
            )
            people = await connection.fetchval(
                "SELECT (SELECT count(DISTINCT x_id) FROM mapping"
                " WHERE state = 1 AND x_id IS NOT NULL AND expires > $1)"
                " + (SELECT count(DISTINCT x_handle_key) FROM mapping"
                " WHERE state = 1 AND x_id IS NULL AND expires > $1)",
                now,
                timeout=COUNT_TIMEOUT_S,
            )
            origins = await connection.fetchval(
                "SELECT count(*) FROM origin WHERE EXISTS (SELECT FROM mapping WHERE origin = origin.id)",
            )
        groups = [(network_of_code(code), Strength(strength), int(count)) for code, strength, count in rows]
        return groups, int(people), int(origins)

    async def is_reachable(self) -> bool:
        """Whether the database answers. Raises DirectoryUnavailable."""
        async with self._database.connection() as connection:
            return bool(await connection.fetchval("SELECT true"))
