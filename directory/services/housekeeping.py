"""Purges what has expired, in small steps that any number of processes may repeat."""

from collections.abc import Collection, Mapping
from typing import Final

from directory.clock import Clock
from directory.errors import DirectoryUnavailable
from directory.lived_time import Times
from directory.store.database import Database
from directory.store.erasures import purge_abandoned
from directory.store.lived_time import look_at_clock
from directory.store.member_tables import PURGES, Purge

STEP: Final = 1_000
"""Rows that one step touches."""


class Housekeeping:
    """Purges all tables of the directory, and by `more` those that others keep. Run every few minutes."""

    def __init__(self, database: Database, clock: Clock, more: Mapping[str, Purge] | None = None) -> None:
        self._database = database
        self._clock = clock
        self._more = more or {}

    async def run(self, only: Collection[str] | None = None) -> dict[str, int]:
        """Runs one step for each table, or for `only` some. Returns how many rows each purged. Repeat for those of which that
        is `STEP`.

        A table that cannot be purged, or whose purge takes too long, keeps no other from it. Raises at the end
        DirectoryUnavailable, or an ExceptionGroup where anything else failed.
        """
        done, failed = dict[str, int](), list[Exception]()
        times = await look_at_clock(self._database, self._clock.now())
        purges = {**PURGES, "member": _purge_abandoned, **self._more}
        for table, purge in purges.items():
            if only is not None and table not in only:
                continue
            try:
                done[table] = await purge(self._database, times, STEP)
            except Exception as error:  # noqa: BLE001 - raised below
                error.add_note(f"while {table} was purged")
                failed.append(error)
        if failed and all(isinstance(each, DirectoryUnavailable) for each in failed):
            raise failed[0]
        if failed:
            raise ExceptionGroup("not everything that has expired could be purged", failed)
        return done


async def _purge_abandoned(database: Database, times: Times, limit: int) -> int:
    return await purge_abandoned(database, times.now, limit)
