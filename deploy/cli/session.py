"""Opens the database for commands that do one thing and end."""

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

from deploy.database import data_folder, running_database
from deploy.settings_file import own_settings
from deploy.wiring.instance import build_lookup, migrated_database
from directory.clock import SystemClock
from directory.errors import DirectoryUnavailable
from directory.services.lookup import Lookup
from directory.settings import Settings
from directory.store.database import Database

T = TypeVar("T")
CONNECTIONS = 2
WAL_SEGMENT_BYTES: Final = 16 * 1024 * 1024
"""PostgreSQL ends where it cannot begin another piece of its write-ahead log."""


def with_database(work: Callable[[Settings, Database], Awaitable[T]]) -> T:
    """Runs `work` with the database of the settings, which is started if need be."""
    settings = own_settings()
    # The command says in one sentence that the database has gone; the pool would add a traceback for each try.
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)

    async def run(dsn: str) -> T:
        async with migrated_database(dsn, connections=CONNECTIONS) as database:
            return await work(settings, database)

    with running_database(settings) as dsn:
        try:
            return asyncio.run(run(dsn))
        except DirectoryUnavailable as error:
            if settings.database_url is None:
                _check_room(data_folder(settings), error)
            raise


def _check_room(folder: Path, error: DirectoryUnavailable) -> None:
    """Raises DirectoryUnavailable with the cause where the disk of our own database is full."""
    free = shutil.disk_usage(folder).free
    if free < WAL_SEGMENT_BYTES:
        raise DirectoryUnavailable(
            f"{error}. The disk that holds {folder} is full ({free / 1e6:.0f} MB left): what was finished stays, the rest was"
            " undone. Free some space, then run it again"
        ) from error


def with_lookup(work: Callable[[Lookup], Awaitable[T]]) -> T:
    """Runs `work` with the lookups."""
    return with_database(lambda settings, database: work(build_lookup(settings, database, SystemClock())))
