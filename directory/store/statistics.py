"""Counts over all mappings."""

from datetime import datetime
from typing import Final

from directory.mappings import Network, Strength
from directory.origins import HIDDEN_AFTER
from directory.store.database import Database
from directory.store.mapping_conditions import IS_ACTIVE, IS_NOT_HIDDEN, holds_at, origin_answers
from directory.store.mappings import network_of_code

COUNT_TIMEOUT_S: Final = 300.0

_ANSWERING: Final = f"{IS_ACTIVE} AND {IS_NOT_HIDDEN} AND {origin_answers('$2')} AND {holds_at('$1')}"
_FROM: Final = "FROM mapping m JOIN origin ON origin.id = m.origin"
_GROUPS: Final = (
    f"SELECT origin.name, m.network, m.strength, count(*) {_FROM} WHERE {_ANSWERING} GROUP BY 1, 2, 3"
)
_PEOPLE: Final = f"""
SELECT (SELECT count(DISTINCT m.x_id) {_FROM} WHERE {_ANSWERING} AND m.x_id IS NOT NULL)
    + (SELECT count(DISTINCT m.x_handle_key) {_FROM} WHERE {_ANSWERING} AND m.x_id IS NULL)
"""
_ORIGINS: Final = f"""
SELECT count(*) FROM origin WHERE {origin_answers("$1")} AND EXISTS (SELECT FROM mapping WHERE origin = origin.id)
"""


Group = tuple[str, Network, Strength, int]
"""How many mappings of an origin lead to a network with a strength."""


class StatisticsStore:
    """Reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count_mappings(self, now: datetime) -> tuple[list[Group], int, int]:
        """Counts the mappings that answer by origin, network and strength, the X accounts among them, and their
        origins."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_GROUPS, now, now - HIDDEN_AFTER, timeout=COUNT_TIMEOUT_S)
            people = await connection.fetchval(_PEOPLE, now, now - HIDDEN_AFTER, timeout=COUNT_TIMEOUT_S)
            origins = await connection.fetchval(_ORIGINS, now - HIDDEN_AFTER)
        groups = [
            (origin, network_of_code(code), Strength(strength), int(count))
            for origin, code, strength, count in rows
        ]
        return groups, int(people), int(origins)

    async def is_reachable(self) -> bool:
        """Returns whether the database answers. Raises DirectoryUnavailable."""
        async with self._database.connection() as connection:
            return bool(await connection.fetchval("SELECT true"))
