"""Runs the sequencer while this process leads: one batch a second where anything is pending, full ones at once."""

import asyncio
from typing import Final

import structlog

from directory.errors import DirectoryUnavailable
from directory.secret_files import SecretFileError
from directory.store.database import DRIVER_TROUBLE, Connection, Database
from directory.store.session_locks import release_session_lock, try_session_lock
from federation.errors import DatabaseIsOlder, LogRefused, LogWaits
from federation.own_log.sequencer import Sequencer
from federation.own_log.silence import fall_silent, speak_again
from federation.store.doubt import end_doubt, record_doubt

LEADER_LOCK: Final = 0x70617373_65726502
"""`pass` `ere` 02: held by the connection of the leader."""
SILENT_S: Final = 60.0
"""A leader asks the database every second, and its peers for ten at most: one that is silent for longer was stopped, and another
leads. Nothing of its batch is lost or signed twice: the state row and the mark decide that, not who leads."""
BATCH_EVERY_S: Final = 1.0
STAND_BY_S: Final = 2.0
DOUBT_S: Final = 10.0
"""Between two looks at a log in doubt: an operator who has mended it watches for it to go on."""
CHECK_EVERY_S: Final = 3_600.0
"""While it leads: a peer that did not answer at the start may know more."""
DATABASE_TROUBLE: Final = (OSError, *DRIVER_TROUBLE)

log = structlog.get_logger(__name__)


def _reason_of(error: LogRefused | SecretFileError) -> str:
    return error.seen if isinstance(error, SecretFileError) else str(error)


class SequencerTask:
    """Runs the sequencer. Any number of processes may: one leads, the others stand by."""

    def __init__(self, database: Database, sequencer: Sequencer) -> None:
        self._database = database
        self._sequencer = sequencer
        self._stopping = asyncio.Event()
        self.is_leading = False
        self.doubt: str | None = None
        """Why nothing is signed, in a sentence for the operator."""
        self.cannot_follow: str | None = None
        """Why it could not take over while another process leads, likewise."""
        self.waits_for: str | None = None
        """The passing fault that keeps it waiting, in a sentence for the operator."""

    def stop(self) -> None:
        """Stops the task, once the batch under way is finished."""
        self._stopping.set()

    async def run(self) -> None:
        """Runs until `stop`. Never raises for a fault that can pass: an unreachable database, a full disk, a log in
        doubt."""
        while not self._stopping.is_set():
            await self._wait(await self._try())

    async def _try(self) -> float:
        """Leads for as long as it can. Returns how many seconds to pause after that."""
        try:
            async with self._database.connection() as connection:
                await self._lead(connection)
        except (LogRefused, SecretFileError) as error:
            self._tell_doubt(_reason_of(error), error.mend)
            return DOUBT_S
        except (LogWaits, DirectoryUnavailable, *DATABASE_TROUBLE) as error:
            self._tell_waiting(str(error))
        except Exception:
            # One fault must not end the log for good.
            log.exception("the log pauses after a fault")
            return DOUBT_S
        finally:
            self.is_leading = False
        return STAND_BY_S

    def _tell_doubt(self, reason: str, mend: str) -> None:
        if reason != self.doubt:
            log.error(
                "nothing is signed until this is mended; `passerelle doctor` tells more",
                reason=reason,
                mend=mend,
            )
        self.doubt = reason

    def _tell_waiting(self, reason: str) -> None:
        if reason != self.waits_for:
            log.warning("the log waits, and goes on by itself", reason=reason)
        self.waits_for = reason

    async def _tell_well(self, connection: Connection, *, is_first: bool) -> None:
        """Tells that a doubt is over, whichever process had it."""
        ended = await end_doubt(connection) if is_first else None
        if is_first and await speak_again(connection, self._sequencer.origin):
            log.warning("the database is whole again, and our own mappings answer as ever")
        if ended is not None:
            log.warning("the doubt is over, and the log goes on", since=str(ended.since), reason=ended.reason)
        elif self.waits_for:
            log.info("the log goes on")
        self.doubt = self.waits_for = None

    async def _lead(self, connection: Connection) -> None:
        if not await try_session_lock(connection, LEADER_LOCK, silent_s=SILENT_S):
            await self._follow(connection)
            return
        try:
            await self._sequencer.check(connection)
            self.is_leading, is_first = True, True
            due = self._time() + CHECK_EVERY_S
            while not self._stopping.is_set():
                if self._time() >= due:
                    await self._sequencer.check(connection)
                    due = self._time() + CHECK_EVERY_S
                count = await self._sequencer.run_once(connection)
                await self._tell_well(connection, is_first=is_first)
                is_first = False
                if count < self._sequencer.max_batch:
                    await self._wait(BATCH_EVERY_S)
        except (LogRefused, SecretFileError) as error:
            # While it still leads: another that leads after this one ends the doubt, and not before.
            if isinstance(error, DatabaseIsOlder):
                await fall_silent(connection, self._sequencer.origin, self._sequencer.now())
            await record_doubt(connection, _reason_of(error), self._sequencer.now())
            raise
        finally:
            await release_session_lock(connection, LEADER_LOCK)

    async def _follow(self, connection: Connection) -> None:
        """Keeps the mark of this machine at what the leader has signed. A fault stops nothing: this process does not
        sign."""
        try:
            await self._sequencer.follow(connection)
        except LogWaits:
            return  # a process of the same machine was faster
        except (LogRefused, SecretFileError) as error:
            reason = _reason_of(error)
            if reason != self.cannot_follow:
                log.warning("this process stands by, and could not take over", reason=reason, mend=error.mend)
            self.cannot_follow = reason
        else:
            self.cannot_follow = None

    @staticmethod
    def _time() -> float:
        return asyncio.get_running_loop().time()

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return
