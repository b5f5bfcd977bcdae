"""Claims, releases, reschedules and finishes rows that are work. Written once, for all tables of jobs.

A claim counts the attempt, and makes the row due again when its lease ends. So a row of a process that was
killed becomes due by itself. A result that comes after another claim is refused by the attempt's number. A
released attempt does not count: its number is used again.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg

from directory.store.database import Connection
from directory.store.host_backoff import IS_LEFT_ALONE

_NO_HOSTS: Final = "'{}'::text[]"


class Lease(NamedTuple):
    """One attempt at a row, as it was claimed."""

    key: UUID | int
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedTable:
    """A table whose rows are work. All texts are constants of the code, never a value of a caller.

    `key`, `due` and `attempts` are columns; `waits` is the condition under which a row is still to be done.
    `ending` are the assignments that finish a row, their values counted from $3; None deletes the row. `hosts`
    is an expression of type text[] for the hosts that a row talks to; None where they are not known before.
    `farthest` is more than any row is scheduled ahead: what is due later was scheduled by a clock that ran ahead, and is
    due now. None: it waits.
    `heeds_backoff`: rows of a host that is left alone stay due. It is off where a member waits for the answer:
    the row is claimed all the same, so that the member can be told.
    """

    name: str
    lease: timedelta
    waits: str
    ending: str | None
    key: str = "id"
    due: str = "next_at"
    attempts: str = "attempts"
    hosts: str | None = None
    farthest: timedelta | None = None
    heeds_backoff: bool = False

    async def claim(
        self, connection: Connection, now: datetime, limit: int, columns: str, busy: Collection[str] = ()
    ) -> list[asyncpg.Record]:
        """Claims due rows, the longest due first; none that talks to a `busy` host.

        Returns `columns` of each, and its `hosts`.
        """
        hosts = self.hosts if self.hosts is not None else _NO_HOSTS
        return list(
            await connection.fetch(
                f"UPDATE {self.name} SET {self.due} = $2, {self.attempts} = {self.attempts} + 1"
                f" WHERE {self.key} = ANY(ARRAY(SELECT {self.key} FROM {self.name}"
                f" WHERE {self.waits} AND {self.is_due} AND NOT {self.is_held_back}"
                f" AND NOT coalesce({hosts} && $4::text[], false)"
                f" ORDER BY {self.due} LIMIT $3 FOR UPDATE SKIP LOCKED))"
                f" RETURNING {columns}, {hosts} AS hosts",
                now,
                now + self.lease,
                limit,
                list(busy),
            )
        )

    async def lock(self, connection: Connection, lease: Lease) -> bool:
        """Locks a row. Returns False, without a lock, where another attempt counts by now, or none."""
        sql = f"SELECT true FROM {self.name} WHERE {self._is_mine} FOR UPDATE"
        return bool(await connection.fetchval(sql, *lease))

    async def release(self, connection: Connection, lease: Lease, now: datetime) -> bool:
        """Releases a row whose attempt was broken off: due now, the attempt not counted.

        Returns False where another attempt counts by now, or none.
        """
        changes = f"{self.due} = $3, {self.attempts} = {self.attempts} - 1"
        return await self._change(connection, lease, changes, now)

    async def reschedule(self, connection: Connection, lease: Lease, due: datetime) -> bool:
        """Ends an attempt and makes the next one due at `due`. Returns False as `release` does."""
        return await self._change(connection, lease, f"{self.due} = $3", due)

    async def finish(self, connection: Connection, lease: Lease, *values: object) -> bool:
        """Finishes a row: sets `ending` to `values`, or deletes the row. Returns False as `release` does."""
        if self.ending is not None:
            return await self._change(connection, lease, self.ending, *values)
        sql = f"DELETE FROM {self.name} WHERE {self._is_mine} RETURNING true"
        return bool(await connection.fetchval(sql, *lease))

    async def _change(self, connection: Connection, lease: Lease, changes: str, *values: object) -> bool:
        sql = f"UPDATE {self.name} SET {changes} WHERE {self._is_mine} RETURNING true"
        return bool(await connection.fetchval(sql, *lease, *values))

    @property
    def is_due(self) -> str:
        """Returns the condition under which a row is due. $1 is now."""
        if self.farthest is None:
            return f"{self.due} <= $1"
        seconds = self.farthest // timedelta(seconds=1)
        return f"({self.due} <= $1 OR {self.due} > $1::timestamptz + interval '{seconds} s')"

    @property
    def _is_mine(self) -> str:
        return f"{self.key} = $1 AND {self.attempts} = $2 AND {self.waits}"

    @property
    def is_held_back(self) -> str:
        """Returns the condition under which a due row is not claimed, since its host is left alone. $1 is now."""
        if self.hosts is None or not self.heeds_backoff:
            return "false"
        return (
            f"EXISTS (SELECT FROM unnest({self.hosts}) AS asked (name)"
            f" JOIN host_backoff b ON b.host = asked.name WHERE {IS_LEFT_ALONE})"
        )
