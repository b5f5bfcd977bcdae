"""Scrubs what was erased from the files and checks the whole log, once a day."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import structlog

from directory.clock import Clock
from directory.errors import DirectoryUnavailable
from directory.secret_files import SecretFileError
from directory.store.database import DRIVER_TROUBLE, Connection, Database
from directory.store.session_locks import release_session_lock, try_session_lock
from federation.errors import FederationError, LogEmpty
from federation.fsck.run import FsckReport, check_database_log
from federation.keys.believed import find_believed_keys
from federation.keys.instance import KeyFolder
from federation.store.daily_check import DailyCheck, fetch_daily_check, replace_daily_check
from federation.store.scrub import MAX_REWRITE_BYTES, end_write_ahead_log, rewrite_tables

EVERY: Final = timedelta(days=1)
FIRST_AFTER: Final = timedelta(hours=1)
"""The first check of an instance waits, so as not to run while it starts."""
LOOK_EVERY_S: Final = 60.0
TOLD_FINDINGS: Final = 10
MAINTENANCE_LOCK: Final = 0x70617373_65726503
"""`pass` `ere` 03: held by the one process that checks."""

log = structlog.get_logger(__name__)


def summary_of(report: FsckReport, now: datetime, unread: SecretFileError | None = None) -> DailyCheck:
    """Sums up a check as it is stored, for the doctor. `unread` is why the keys of the folder could not be used."""
    faults = [*(() if unread is None else (unread.seen,)), *report.sentences]
    return DailyCheck(now, report.checkpoint.size, len(faults), "".join(faults[:1]))


async def scrub_erased(database: Database, max_bytes: int = MAX_REWRITE_BYTES) -> bool:
    """Removes what deleted rows have left in the files and in the write-ahead log. Returns False where a table is too
    large to be rewritten, or others hold it, or our role may not end the write-ahead log."""
    left = await rewrite_tables(database, max_bytes)
    if left:
        log.info("what was erased may stay in free space of tables that are large, or in use", tables=left)
    is_ended = await end_write_ahead_log(database)
    if not is_ended:
        log.info("what was erased stays in the write-ahead log until the server recycles that")
    return is_ended and not left


class MaintenanceTask:
    """The daily scrub and check, due a day after the last one, whichever process made that, and across restarts."""

    def __init__(self, database: Database, keys: KeyFolder, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock
        self._stopping = asyncio.Event()
        self._first_due = clock.now() + FIRST_AFTER

    def stop(self) -> None:
        """Stops the task. A check under way is cancelled, and made again at the next start."""
        self._stopping.set()

    async def run(self) -> None:
        """Runs until `stop`. Never raises for a fault that can pass."""
        while not self._stopping.is_set():
            work = asyncio.create_task(self.run_if_due())
            stop = asyncio.create_task(self._stopping.wait())
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
            work.cancel()
            stop.cancel()
            await asyncio.gather(work, stop, return_exceptions=True)
            await self._wait()

    async def run_if_due(self) -> bool:
        """Scrubs and checks, unless that was done within a day or another process is at it.

        Returns False where a fault was found or the check failed.
        """
        try:
            async with self._database.connection() as connection:
                if not await try_session_lock(connection, MAINTENANCE_LOCK):
                    return True
                try:
                    return await self._run_once(connection) if await self._is_due(connection) else True
                finally:
                    await release_session_lock(connection, MAINTENANCE_LOCK)
        except (DirectoryUnavailable, OSError, *DRIVER_TROUBLE) as error:
            log.warning("the daily check of the log could not be made", reason=str(error))
        except Exception:
            # One fault must not end the checks for good.
            log.exception("the daily check has failed")
        return False

    async def _is_due(self, connection: Connection) -> bool:
        last = await fetch_daily_check(connection)
        now = self._clock.now()
        # A check in what is now the future was made while the clock was wrong.
        return now >= self._first_due if last is None else not last.made_at <= now < last.made_at + EVERY

    async def _run_once(self, connection: Connection) -> bool:
        await scrub_erased(self._database)
        try:
            keys = await find_believed_keys(connection, self._keys)
            report = await check_database_log(
                self._database, checkpoint_keys=keys.vkeys, now=self._clock.now()
            )
        except LogEmpty:
            found = DailyCheck(self._clock.now(), 0, 0)
        except (FederationError, SecretFileError, OSError) as error:
            found = DailyCheck(self._clock.now(), 0, 1, str(error))
            log.error(  # noqa: TRY400 - foreseen, and told in a sentence
                "the log could not be checked; `passerelle fsck` tells why", reason=found.first_fault
            )
        else:
            found = _tell(report, self._clock.now(), keys.fault)
        await replace_daily_check(connection, found)
        return not found.faults

    async def _wait(self) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), LOOK_EVERY_S)
        except TimeoutError:
            return


def _tell(report: FsckReport, now: datetime, unread: SecretFileError | None) -> DailyCheck:
    faults = report.sentences
    if unread is not None:
        log.error("the log was checked without the keys of its folder", reason=unread.seen, mend=unread.mend)
    if faults:
        log.error(
            "the log is damaged; `passerelle fsck` tells where",
            faults=len(faults),
            findings=faults[:TOLD_FINDINGS],
        )
    else:
        log.info("the log was checked", leaves=report.checkpoint.size)
    return summary_of(report, now, unread)
