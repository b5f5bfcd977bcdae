"""Waits until everything that is pending is published. Publishes it itself where no other process leads."""

import asyncio
from collections.abc import Callable
from typing import Final

from directory.clock import Clock
from directory.store.database import Connection, Database
from directory.store.session_locks import release_session_lock, try_session_lock
from federation.own_log.sequencer import Sequencer
from federation.own_log.sequencer_task import LEADER_LOCK, SILENT_S
from federation.store.own_mappings import count_work

LOOK_EVERY_S: Final = 0.5


async def drain(
    database: Database, sequencer: Sequencer, clock: Clock, on_progress: Callable[[int], None]
) -> None:
    """Waits until nothing is pending. `on_progress` takes the number of items that are.

    Raises LogRefused, LogWaits, MissingKeys, UnsafeKeys, DirectoryUnavailable.
    """
    async with database.connection() as connection:
        while waiting := await count_work(connection, sequencer.origin, clock.now()):
            on_progress(waiting)
            if await try_session_lock(connection, LEADER_LOCK, silent_s=SILENT_S):
                await _lead(connection, sequencer, waiting, on_progress)
            else:
                await asyncio.sleep(LOOK_EVERY_S)
        on_progress(0)


async def _lead(
    connection: Connection, sequencer: Sequencer, waiting: int, on_progress: Callable[[int], None]
) -> None:
    try:
        await sequencer.check(connection)
        while count := await sequencer.run_once(connection):
            waiting -= count
            on_progress(max(0, waiting))
    finally:
        await release_session_lock(connection, LEADER_LOCK)
