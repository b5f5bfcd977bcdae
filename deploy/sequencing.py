"""The sequencer of this instance's log, beside the web server in the same process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deploy.database import data_folder
from directory.clock import Clock, SystemClock
from directory.settings import Settings
from directory.store.database import Database
from federation.keys import KeyFolder, log_host, log_origin
from federation.sequencer import Sequencer
from federation.sequencing import SequencerTask

CONNECTIONS = 1
"""One, kept: leadership ends with it."""


def key_folder(settings: Settings) -> KeyFolder:
    """Where the keys of the instance lie."""
    return KeyFolder(data_folder(settings))


def make_keys(settings: Settings) -> str | None:
    """Makes the keys of a new instance; gives the recovery key as text, which is kept nowhere. None: there are keys."""
    recovery = key_folder(settings).make(log_host(settings))
    return None if recovery is None else recovery.reveal()


def build_sequencer(settings: Settings, clock: Clock | None = None) -> Sequencer:
    """The sequencer over the keys of the settings."""
    return Sequencer(key_folder(settings), log_origin(settings), clock or SystemClock())


@asynccontextmanager
async def running_sequencer(settings: Settings, dsn: str) -> AsyncIterator[SequencerTask]:
    """Appends what is pending until the block ends, then finishes its batch. Raises DirectoryUnavailable."""
    database = await Database.connect(dsn, max_connections=CONNECTIONS)
    task = SequencerTask(database, build_sequencer(settings))
    running = asyncio.create_task(task.run(), name="sequencer")
    try:
        yield task
    finally:
        task.stop()
        await running
        await database.close()
