"""Purges what has expired, in small steps that any number of processes may repeat."""

from typing import Final

from directory.clock import Clock
from directory.store.database import Database
from directory.store.member_tables import PURGES

STEP: Final = 1_000
"""Rows that one step touches."""


class Housekeeping:
    """Purges all tables. Run every few minutes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run(self) -> dict[str, int]:
        """Runs one step for each table. Returns how many rows each purged. Repeat while one of them is `STEP`."""
        now = self._clock.now()
        return {table: await purge(self._database, now, STEP) for table, purge in PURGES.items()}
