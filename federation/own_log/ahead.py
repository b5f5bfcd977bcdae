"""The bodies of the next batch, encoded while the database takes in the batch before.

Nothing is locked for that, and nothing that was read is believed: as the next batch is staged, each row is locked and must be
the very version that was read, and wait for a leaf still. What was withdrawn, hidden, changed or staged by another process
meanwhile is thrown away; what waits as changed comes with a later batch.
"""

import asyncio
from datetime import datetime
from itertools import islice

from directory.store.database import Connection
from federation.aside import run_aside
from federation.own_log.encoding import PIECE, Encoded, encode_pending, encode_rows, rows_after
from federation.store.own_mappings import ALL_ROWS, RowVersion, lock_as_read, look_at_pending, versions_of


class Ahead:
    """At most `limit` mappings that wait for a leaf beyond the row `after`, as of one moment."""

    def __init__(self, origin: str, now: datetime, limit: int, after: int) -> None:
        self._origin = origin
        self._now = now
        self._left = limit
        self._before = range(after + 1)
        self._beyond = range(after + 1, ALL_ROWS.stop)
        self._versions: dict[int, RowVersion] = {}
        self._encoding: list[asyncio.Future[Encoded]] = []

    async def read_piece(self, connection: Connection) -> None:
        """Reads one more piece, which is then encoded in a thread. Does nothing where all was read."""
        if not self._left:
            return
        count = min(PIECE, self._left)
        rows = await look_at_pending(connection, self._origin, self._now, count, self._beyond)
        if rows:
            self._encoding.append(run_aside(encode_rows, rows, self._origin, self._now))
            self._versions |= versions_of(rows)
            self._beyond = rows_after(rows, self._beyond)
        self._left = self._left - count if len(rows) == count else 0

    async def encode_pending(self, connection: Connection, now: datetime, limit: int) -> Encoded:
        """Locks and encodes at most `limit` mappings that wait for a leaf, the oldest first: what was read ahead where it is
        unchanged, and what waits before and beyond it. To be called once; the caller holds the state row of the log."""
        # First what was locked, or changed, when an earlier batch went by: however many wait, it comes with this one.
        early = await encode_pending(connection, self._origin, now, limit, self._before)
        ahead = await self._take(connection, now, limit - len(early))
        room = limit - len(early) - len(ahead)
        late = await encode_pending(connection, self._origin, now, room, self._beyond)
        return Encoded.joined([early, ahead, late])

    async def _take(self, connection: Connection, now: datetime, limit: int) -> Encoded:
        encoded = Encoded.joined([await piece for piece in self._encoding])
        wanted = dict(islice(self._versions.items(), limit))
        # Not needed while the batch after this one is read.
        self._encoding, self._versions = [], {}
        locked = await lock_as_read(connection, self._origin, now, wanted) if wanted else set()
        return encoded.only(locked)
