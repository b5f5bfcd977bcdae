"""The primary, as the replicas are compared with it."""

import asyncio
from uuid import uuid4

from directory.store.beats import Beats, ensure_first, look_at_primary, system_of
from directory.store.database import Connection
from directory.store.watching import Watch


class PrimaryWatch(Watch):
    """Makes beats at the primary, and knows those that others make. Trusted: it decides how old an answer may be."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        self.beats = Beats()
        self.system: int | None = None
        self.is_there = False

    async def opened(self, connection: Connection) -> None:
        # It may be another server than before, which was a replica.
        self.beats.forget()
        await ensure_first(connection, uuid4())
        self.system = await system_of(connection)

    async def look(self, connection: Connection) -> None:
        began, mark, last = asyncio.get_running_loop().time(), uuid4(), self.beats.last
        beat = await look_at_primary(connection, last, mark)
        if beat is None:
            await ensure_first(connection, uuid4())
            return
        self.beats.note(beat, began, is_ours=beat.mark == mark)
        self.is_there = True

    def failed(self, error: Exception) -> None:
        self.is_there = False
