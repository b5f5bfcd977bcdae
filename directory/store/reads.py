"""Reads from replicas where they are current, and from the primary else. Stores do not know."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import structlog

from directory.errors import DirectoryUnavailable
from directory.store.database import Database, is_of_database
from directory.store.primary import PrimaryWatch
from directory.store.reading import ReadingConnection
from directory.store.replicas import Replica, Retry

log = structlog.get_logger(__name__)

# What the replay of the primary's changes does to a statement on a replica. The next one may do well.
_CONFLICTS: Final = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


class ReadDatabase:
    """Asks a replica that is current, the least busy one, else the primary. Where a replica fails, or answers too late to be
    believed, the primary is asked the same: reads can be repeated.

    Trusted: it decides how long an answer outlives what was withdrawn.
    """

    def __init__(self, primary: Database, watch: PrimaryWatch, replicas: Sequence[Replica]) -> None:
        self._primary, self._watch = primary, watch
        self.replicas = tuple(replicas)
        self._turn = 0

    def start(self) -> None:
        """Begins to look at the servers. None of them has to answer."""
        for watch in (self._watch, *self.replicas):
            watch.start()

    async def close(self) -> None:
        """Ends all that `start` began."""
        for watch in (*self.replicas, self._watch):
            await watch.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[ReadingConnection]:
        """Lends something that chooses the server of each statement. Its `fetch` raises DirectoryUnavailable."""
        yield self

    async def fetch(self, query: str, *args: object) -> list[asyncpg.Record]:
        """Runs a statement that only reads. Returns its rows."""
        replica, refused = self._choose(), None
        if replica is not None:
            try:
                rows = await _ask(replica, query, args)
            except _Refused as error:
                refused = error
            else:
                if rows is not None:
                    return rows
        async with self._primary.connection() as connection:
            rows = await connection.fetch(query, *args)
        if replica is not None and refused is not None:
            # The primary can: it is not the statement that is at fault, which anybody may have chosen.
            replica.pause()
            log.warning(
                "a replica refused what the primary answers",
                replica=replica.name,
                reason=str(refused.__cause__),
            )
        return rows

    def _choose(self) -> Replica | None:
        current = [replica for replica in self.replicas if replica.is_current]
        if not current:
            return None
        chosen = min(current, key=lambda replica: (replica.lent, replica.turn))
        self._turn += 1
        chosen.turn = self._turn
        return chosen


class _Refused(Exception):
    """A replica refused a statement."""


async def _ask(replica: Replica, query: str, args: tuple[object, ...]) -> list[asyncpg.Record] | None:
    """Returns the rows that a replica gives. None where the primary is to be asked. Raises _Refused where the primary's
    answer tells what is wrong."""
    try:
        async with replica.connection() as connection:
            if not replica.is_current or (as_of := replica.as_of) is None:
                return None  # it fell behind while a connection was waited for
            rows = await connection.fetch(query, *args)
    except Exception as error:
        if not is_of_database(error):
            raise
        _learn(replica, error)
        return None
    return rows if replica.note_answer(as_of) else None


def _learn(replica: Replica, error: Exception) -> None:
    """Counts why a replica did not answer. Raises _Refused where it would not."""
    if isinstance(error, _CONFLICTS):
        replica.note_retry(Retry.CONFLICT)
    elif isinstance(error, DirectoryUnavailable) and isinstance(error.__cause__, TimeoutError):
        replica.note_retry(Retry.BUSY)  # all its connections are lent; it is looked at over another
    elif isinstance(error, DirectoryUnavailable):
        replica.note_retry(Retry.BROKEN)
        replica.doubt()
    else:
        replica.note_retry(Retry.REFUSED)
        raise _Refused from error
