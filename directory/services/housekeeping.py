"""What has run out is put away: small steps, each safe to repeat, by any number of processes."""

from typing import Final

from directory.clock import Clock
from directory.store.database import Database
from directory.store.member_tables import PURGES

STEP: Final = 1_000
"""Rows that one step touches."""


class Housekeeping:
    """Run every few minutes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run(self) -> dict[str, int]:
        """Does one step of everything; how many rows each put away, by table. Repeat while one is `STEP`."""
        now = self._clock.now()
        return {table: await purge(self._database, now, STEP) for table, purge in PURGES.items()}
