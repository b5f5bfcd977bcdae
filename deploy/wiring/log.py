"""Runs the sequencer of this instance's log in this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from deploy.database import data_folder
from deploy.wiring.copies import build_guard
from directory.clock import Clock, SystemClock
from directory.settings import Settings
from directory.store.database import Database
from federation.keys.instance import KeyFolder, log_origin
from federation.own_log.daily import MaintenanceTask
from federation.own_log.sequencer import Sequencer
from federation.own_log.sequencer_task import SequencerTask

log = structlog.get_logger(__name__)

CONNECTIONS = 3
"""One is kept by the leader, whose leadership ends with it; two serve the daily check."""


def key_folder(settings: Settings) -> KeyFolder:
    """Returns the folder of the instance's keys."""
    return KeyFolder(data_folder(settings))


def build_sequencer(
    settings: Settings, clock: Clock | None = None, *, origin: str | None = None
) -> Sequencer:
    """Builds the sequencer over the keys of the settings. It asks the peers before it signs. `origin` is that of the
    settings, but for a log that is put away."""
    keys, time, name = key_folder(settings), clock or SystemClock(), origin or log_origin(settings)
    return Sequencer(keys, name, time, guard=build_guard(settings, keys, time, name))


@asynccontextmanager
async def running_sequencer(settings: Settings, dsn: str) -> AsyncIterator[SequencerTask]:
    """Appends what is pending until the block ends, then finishes its batch. Raises DirectoryUnavailable."""
    database = await Database.connect(dsn, max_connections=CONNECTIONS)
    task = SequencerTask(database, build_sequencer(settings))
    maintenance = MaintenanceTask(database, key_folder(settings), SystemClock())
    running = asyncio.gather(task.run(), maintenance.run())
    running.add_done_callback(_tell_failure)
    try:
        yield task
    finally:
        task.stop()
        maintenance.stop()
        await running
        await database.close()


def _tell_failure(running: "asyncio.Future[tuple[None, None]]") -> None:
    """Logs a failed sequencer at once: the web server goes on, and without this nobody would see that nothing
    is signed."""
    if not running.cancelled() and (error := running.exception()) is not None:
        log.error("the sequencer has ended, which is a bug", exc_info=error)
