"""Once a day: what was erased is scrubbed from the files, and the whole log is checked."""

import asyncio
from typing import Final

import asyncpg
import structlog

from directory.errors import DirectoryUnavailable
from directory.store.database import Database
from federation.errors import FederationError, LogEmpty
from federation.fsck_run import check_database_log
from federation.keys import KeyFolder
from federation.store.scrub import MAX_REWRITE_BYTES, rewrite_tables

EVERY_S: Final = 24 * 3600.0
MAINTENANCE_LOCK: Final = 0x70617373_65726503
"""`pass` `ere` 03: one process at a time."""

log = structlog.get_logger(__name__)


async def scrub_erased(database: Database, max_bytes: int = MAX_REWRITE_BYTES) -> bool:
    """Removes what deleted rows have left in the files. False: a table is too large to be rewritten meanwhile."""
    left = await rewrite_tables(database, max_bytes)
    if left:
        log.info("what was erased may stay in free space of large tables for a while", tables=left)
    return not left


class MaintenanceTask:
    """`run` until `stop`; the first time a day after the start."""

    def __init__(self, database: Database, keys: KeyFolder) -> None:
        self._database = database
        self._keys = keys
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Never raises for what can pass."""
        while True:
            try:
                await asyncio.wait_for(self._stopping.wait(), EVERY_S)
            except TimeoutError:
                await self.run_once()
            else:
                return

    async def run_once(self) -> bool:
        """Scrubs and checks, unless another process does; whether the log is well."""
        try:
            async with self._database.connection() as connection:
                if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", MAINTENANCE_LOCK):
                    return True
                try:
                    await scrub_erased(self._database)
                    return await self._check()
                finally:
                    await connection.execute("SELECT pg_advisory_unlock($1)", MAINTENANCE_LOCK)
        except LogEmpty:
            return True
        except (FederationError, DirectoryUnavailable, OSError, asyncpg.PostgresError) as error:
            log.warning("the daily check of the log could not be made", reason=str(error))
            return False

    async def _check(self) -> bool:
        keys = self._keys.read()
        report = await check_database_log(self._database, checkpoint_keys=[key.vkey for key in keys.logs])
        if report.is_clean:
            log.info("the log was checked", leaves=report.checkpoint.size)
        else:
            log.error(
                "the log is damaged; `passerelle fsck` tells where",
                findings=[str(finding) for finding in report.findings[:10]],
                unsaid_answers=len(report.unsaid_answers),
            )
        return report.is_clean
