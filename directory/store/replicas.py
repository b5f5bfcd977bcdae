"""A replica of the database: whether it is current, and its connections."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

import structlog

from directory.errors import DirectoryUnavailable
from directory.store.beats import Beat, Server, look_at_replica, server_of, system_of
from directory.store.database import Connection, Database
from directory.store.primary import PrimaryWatch
from directory.store.watching import Watch

ASK_WITHIN_S: Final = 1.5
"""A replica that is not known to hold all that was stored so long ago is not asked."""
ANSWER_WITHIN_S: Final = 2.0
"""An answer of a replica is given so long at most after the moment up to which it was known to hold all."""
ACQUIRE_TIMEOUT_S: Final = 0.5
PAUSE_S: Final = 5.0
"""For a replica that answers too late again and again, or cannot answer what the primary can."""
LATE_IN_A_ROW: Final = 10
"""Answers that come too late, with none in time between them, before it is left alone: a few long lists, which may take that
long, keep nobody else from it."""
TELL_AFTER_S: Final = 2.0
"""How long a state lasts before the log tells it."""

log = structlog.get_logger(__name__)


class ReplicaState(StrEnum):
    """How a replica stands."""

    USED = "used"
    BEHIND = "behind"
    UNKNOWN = "unknown"
    UNREACHABLE = "unreachable"
    NO_REPLICA = "no replica"
    OTHER_SYSTEM = "other system"
    PAUSED = "paused"


class Retry(StrEnum):
    """Why something was asked again at the primary."""

    TOO_LATE = "too-late"
    BUSY = "busy"
    CONFLICT = "conflict"
    BROKEN = "broken"
    REFUSED = "refused"


REASONS: Final = {
    ReplicaState.USED: "it is current",
    ReplicaState.BEHIND: "it does not show what the primary stored 1.5 s ago",
    ReplicaState.UNKNOWN: "the primary does not answer, so nobody knows how far it is behind",
    ReplicaState.UNREACHABLE: "it does not answer",
    ReplicaState.NO_REPLICA: "it is no replica: it was promoted, or never was one",
    ReplicaState.OTHER_SYSTEM: "it is a replica of another database system",
    ReplicaState.PAUSED: "it could not answer in time what the primary could",
}
"""Why a replica is asked, or is not, in a sentence for the operator."""
MENDS: Final = {
    ReplicaState.BEHIND: "Look at pg_stat_replication on the primary, and at what long statements hold back on the replica (hot_standby_feedback).",
    ReplicaState.UNKNOWN: "Mend the primary.",
    ReplicaState.UNREACHABLE: "Start it, or mend its address in PASSERELLE_READ_DATABASE_URL.",
    ReplicaState.NO_REPLICA: "Name it in PASSERELLE_DATABASE_URL if it is the primary now; else make it a replica again (pg_basebackup).",
    ReplicaState.OTHER_SYSTEM: "Mend the address in PASSERELLE_READ_DATABASE_URL: it leads to another database.",
    ReplicaState.PAUSED: "Read the log of the process. Its role needs to read the tables, and its machine not to be overloaded.",
}


class Replica(Watch):
    """A replica. Not trusted to be current: it has to show what the primary stored a moment ago. Trusted with the answers:
    whoever can change its files can change them."""

    def __init__(self, dsn: str, primary: PrimaryWatch, clock: Callable[[], float], connections: int) -> None:
        super().__init__(dsn)
        self.tell_after_s = TELL_AFTER_S
        self.name = name_of(dsn)
        self.lent = 0
        self.turn = 0
        """When it was last asked, in the order of all."""
        self.answered = 0
        self.retries = dict.fromkeys(Retry, 0)
        """What was asked again at the primary."""
        self._primary, self._clock, self._connections = primary, clock, connections
        self._database: Database | None = None
        self._in_use: set[Connection] = set()
        self._system: int | None = None
        self._as_of: float | None = None
        self._paused_until = clock()
        self._late = 0
        self._server = Server()
        self._fault: ReplicaState | None = ReplicaState.UNREACHABLE
        self._error = ""
        self._seen: tuple[ReplicaState, float] = ReplicaState.UNREACHABLE, clock()
        self._told: ReplicaState | None = None

    @property
    def as_of(self) -> float | None:
        """The moment up to which it is known to hold all that was stored. None where nothing is known."""
        return self._as_of

    @property
    def age_s(self) -> float | None:
        """How long ago that was."""
        return None if self._as_of is None else self._clock() - self._as_of

    @property
    def is_current(self) -> bool:
        """Whether it may be asked."""
        as_of, now = self._as_of, self._clock()
        return as_of is not None and now - as_of <= ASK_WITHIN_S and now >= self._paused_until

    @property
    def state(self) -> ReplicaState:
        if self._fault is not None:
            return self._fault
        if self.is_current:
            return ReplicaState.USED
        if self._clock() < self._paused_until:
            return ReplicaState.PAUSED
        return ReplicaState.BEHIND if self._primary.is_there else ReplicaState.UNKNOWN

    @property
    def reason(self) -> str:
        """Why it is asked, or is not, in a sentence for the operator."""
        said = REASONS[self.state]
        return f"{said}: {self._error}" if self._fault is ReplicaState.UNREACHABLE and self._error else said

    async def close(self) -> None:
        await super().close()
        self._end_pool()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lends a connection. Raises DirectoryUnavailable. Where the server stops to answer meanwhile, the connection
        ends."""
        database = self._database
        if database is None:
            raise DirectoryUnavailable("the replica was not reached yet")
        self.lent += 1
        try:
            async with database.connection() as connection:
                if database is not self._database:
                    raise DirectoryUnavailable("the address leads to another server now")
                self._in_use.add(connection)
                try:
                    yield connection
                finally:
                    self._in_use.discard(connection)
        finally:
            self.lent -= 1

    def note_answer(self, as_of: float) -> bool:
        """Counts an answer of a moment when it was known to hold all until `as_of`. Returns whether it may be given: it is not
        too late."""
        if self._clock() - as_of <= ANSWER_WITHIN_S:
            self.answered, self._late = self.answered + 1, 0
            return True
        self.retries[Retry.TOO_LATE] += 1
        self._late += 1
        if self._late >= LATE_IN_A_ROW:
            self.pause()
        return False

    def note_retry(self, why: Retry) -> None:
        """Counts what was asked again at the primary."""
        self.retries[why] += 1

    def doubt(self) -> None:
        """Has it looked at again before it is asked again: it broke a connection."""
        self._as_of = None

    def pause(self) -> None:
        """Leaves it alone for a moment: asking it would only delay what the primary has to answer."""
        self._paused_until, self._late = self._clock() + PAUSE_S, 0

    async def opened(self, connection: Connection) -> None:
        self._system = await system_of(connection)
        server = await server_of(connection)
        if server != self._server:
            # What is known is of another one, and so are the connections of the pool.
            self._server, self._as_of = server, None
            self._end_pool()

    async def look(self, connection: Connection) -> None:
        is_replica, beat = await look_at_replica(connection)
        if self._is_of_other_system():
            self._stand_still(ReplicaState.OTHER_SYSTEM)
            return
        if not is_replica:
            self._stand_still(ReplicaState.NO_REPLICA)
            return
        if self._database is None:
            self._database = await self._open()
        self._fault, self._error = None, ""
        self._advance(beat)
        self._tell()

    def failed(self, error: Exception) -> None:
        self._error = str(error)
        self._stand_still(ReplicaState.UNREACHABLE)
        self._end_lent()

    def _is_of_other_system(self) -> bool:
        """Whether both servers tell what they are a copy of, and it differs."""
        ours, its = self._primary.system, self._system
        return ours is not None and its is not None and ours != its

    async def _open(self) -> Database:
        return await Database.connect(
            self.dsn,
            max_connections=self._connections,
            acquire_timeout_s=ACQUIRE_TIMEOUT_S,
            check=self._check_server,
        )

    async def _check_server(self, connection: Connection) -> None:
        """Raises DirectoryUnavailable where a connection leads to another server than the one that is looked at: behind one
        address there can be several, of which one is behind."""
        if await server_of(connection) != self._server:
            raise DirectoryUnavailable("the address leads to several servers: name each of them")

    def _end_pool(self) -> None:
        if self._database is not None:
            self._end_lent()
            self._database.terminate()
        self._database = None

    def _advance(self, beat: Beat | None) -> None:
        as_of = None if beat is None else self._primary.beats.as_of(beat)
        if as_of is not None and (self._as_of is None or as_of > self._as_of):
            self._as_of = as_of

    def _stand_still(self, fault: ReplicaState) -> None:
        self._as_of, self._fault = None, fault
        self._tell()

    def _end_lent(self) -> None:
        """Ends the connections that are lent: whoever waits for an answer asks the primary."""
        for connection in tuple(self._in_use):
            connection.terminate()

    def _tell(self) -> None:
        state, now = self.state, self._clock()
        if state is not self._seen[0]:
            self._seen = state, now
        if state is self._told or now - self._seen[1] < self.tell_after_s:
            return
        self._told = state
        if state is ReplicaState.USED:
            log.info("a replica is asked", replica=self.name)
        else:
            log.warning("a replica is not asked", replica=self.name, reason=self.reason, mend=MENDS[state])


def name_of(dsn: str) -> str:
    """Returns how a replica is called in logs and metrics: by its host and port, never with a password."""
    parts = urlsplit(dsn)
    try:
        port = parts.port
    except ValueError:
        port = None
    return f"{parts.hostname or 'local'}:{port or 5432}"
