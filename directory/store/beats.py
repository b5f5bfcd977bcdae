"""Beats: the marks by which a replica shows how current it is, and what this process knows of them.

The primary holds one row with a number and a random mark. Whoever finds it unchanged since they last looked gives it a new one. A
replica that shows a mark holds all that was stored before that mark was made. The time of a mark is told by one clock,
the monotonic one of the process that looks: those of the machines may differ, and the positions of the write-ahead log, which
a replica of a promoted replica passes too, are not asked.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from directory.store.database import Connection

MAX_BEATS: Final = 64
"""Beats that are remembered: a replica that shows an older one is far behind."""

_FIRST: Final = "INSERT INTO replica_beat (id, number, mark) VALUES (1, 1, $1) ON CONFLICT DO NOTHING"
# Durable before it is sent on, and never kept waiting by a replica that is to confirm it.
_LOOK: Final = """
WITH made AS (UPDATE replica_beat SET number = number + 1, mark = $2 WHERE mark = $1 RETURNING number, mark)
SELECT number, mark, set_config('synchronous_commit', 'local', true) FROM made
UNION ALL SELECT number, mark, '' FROM replica_beat WHERE NOT EXISTS (SELECT FROM made)
"""
_SHOWN: Final = (
    "SELECT pg_is_in_recovery(), (SELECT number FROM replica_beat), (SELECT mark FROM replica_beat)"
)
_SERVER: Final = "SELECT pg_postmaster_start_time(), inet_server_addr(), inet_server_port()"
_SYSTEM: Final = """
SELECT CASE WHEN has_function_privilege('pg_control_system()', 'EXECUTE')
       THEN (SELECT system_identifier FROM pg_control_system()) END
"""


@dataclass(frozen=True, slots=True)
class Beat:
    """A state of the row: `number` grows, and `mark` is in no other row that was ever made."""

    number: int
    mark: UUID


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: when it was started, and where it listens."""

    started: str = ""
    address: str = ""
    port: str = ""


class Beats:
    """The beats that the primary has shown to this process, each with the moment up to which whoever shows it holds
    all. Pure: times are those of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._as_of: OrderedDict[Beat, float] = OrderedDict()
        self._last: Beat | None = None
        self._looked_at: float | None = None

    @property
    def last(self) -> Beat | None:
        """The beat that the primary showed last. None before the first, and after it went back."""
        return self._last

    def note(self, beat: Beat, began: float, *, is_ours: bool) -> None:
        """Notes what a look at the primary showed that began at `began`; `is_ours`: the look itself has made it."""
        if self._last is not None and beat != self._last and beat.number <= self._last.number:
            self.forget()  # the primary was set back: what it shows may be older than our last look
            return
        # One that another process has made was not there when we looked before.
        made_after = began if is_ours else self._looked_at
        if beat != self._last and made_after is not None:
            self._as_of.setdefault(beat, made_after)
            while len(self._as_of) > MAX_BEATS:
                self._as_of.popitem(last=False)
        self._last, self._looked_at = beat, began

    def as_of(self, beat: Beat) -> float | None:
        """Returns the moment up to which whoever shows a beat holds all that was stored. None for one that the primary
        has not shown."""
        return self._as_of.get(beat)

    def forget(self) -> None:
        """Forgets all, as where another server may be the primary now."""
        self._as_of.clear()
        self._last = self._looked_at = None


async def ensure_first(connection: Connection, mark: UUID) -> None:
    """Makes the row, where there is none."""
    await connection.execute(_FIRST, mark)


async def look_at_primary(connection: Connection, last: Beat | None, mark: UUID) -> Beat | None:
    """Reads the present beat, after giving it `mark` where it is still `last`. Returns None where there is none."""
    row = await connection.fetchrow(_LOOK, None if last is None else last.mark, mark)
    return None if row is None else Beat(row["number"], row["mark"])


async def look_at_replica(connection: Connection) -> tuple[bool, Beat | None]:
    """Reads whether a server is a replica, and the beat that it shows."""
    ((is_replica, number, mark),) = await connection.fetch(_SHOWN)
    return is_replica, None if mark is None else Beat(number, mark)


async def server_of(connection: Connection) -> Server:
    """Reads which server a connection has led to: it differs from that of any other, and from itself after a start."""
    row = await connection.fetchrow(_SERVER)
    return Server() if row is None else Server(*map(str, row))


async def system_of(connection: Connection) -> int | None:
    """Reads the number of the database system, which all copies of it share. None where we may not ask."""
    number = await connection.fetchval(_SYSTEM)
    return None if number is None else int(number)
