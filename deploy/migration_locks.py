"""Waits for who keeps a migration from its locks: tells who that is after a few seconds, and ends.

One lock lets one process migrate or restore at a time. The others are those of the tables, which a backup holds as long as it
runs, and a query as long as it does.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import structlog

from directory.store.database import DRIVER_TROUBLE, Connection
from directory.store.lock_holders import name_blockers, name_holders, waiting_for

ADVISORY_LOCK: Final = 0x70617373_65726501
"""`pass` `ere` 01: one migrator at a time, whoever starts first."""
RESTORE_LOCK: Final = 0x70617373_65726507
"""`pass` `ere` 07: held by a restore, and shared by whoever starts, until their connections can be counted."""
WAITING_FOR_RESTORE: Final = waiting_for(RESTORE_LOCK)
"""Finds the sessions of those who start once a restore has ended, and use nothing before."""
MIGRATOR: Final = "passerelle migration"
"""What the connection that changes the tables is called."""
LOOK_EVERY_S: Final = 0.5
TELL_AFTER_S: Final = 3.0
GIVE_UP_AFTER_S: Final = 600.0
"""As long as another migrates or restores: what it does may take minutes."""
TABLE_LOCK_TIMEOUT_S: Final = 30
"""Whoever else wants the table waits behind us for as long."""

log = structlog.get_logger(__name__)


class MigrationBusy(Exception):
    """Another process keeps the database from being brought up to date."""

    def __init__(self, holders: str) -> None:
        super().__init__(
            f"the database is to be brought up to date, or restored, and is held by {holders or 'another process'}"
        )


async def wait_for_restore(connection: Connection) -> None:
    """Keeps a restore from beginning until the connection ends, and waits for one that is under way. Raises MigrationBusy."""
    if await connection.fetchval("SELECT pg_try_advisory_lock_shared($1)", RESTORE_LOCK):
        return
    log.warning("a backup is being restored into this database: the start waits for its end")
    try:
        # Waiting at the server shows the restore who this is.
        await connection.execute(f"SET lock_timeout = '{GIVE_UP_AFTER_S} s'")
        await connection.execute("SELECT pg_advisory_lock_shared($1)", RESTORE_LOCK)
    except asyncpg.LockNotAvailableError as error:
        raise MigrationBusy(await name_holders(connection, RESTORE_LOCK)) from error


async def take_migrating_lock(connection: Connection) -> None:
    """Takes the lock of who migrates or restores. It is free once the connection ends. Raises MigrationBusy."""
    now = asyncio.get_running_loop().time
    began, is_told = now(), False
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", ADVISORY_LOCK):
        waited = now() - began
        if waited >= GIVE_UP_AFTER_S:
            raise MigrationBusy(await name_holders(connection, ADVISORY_LOCK))
        if waited >= TELL_AFTER_S and not is_told:
            is_told = True
            _tell(await name_holders(connection, ADVISORY_LOCK))
        await asyncio.sleep(LOOK_EVERY_S)


class Watch:
    """Whom a migrator was last seen to wait for, in words; empty where it never waited."""

    def __init__(self) -> None:
        self.seen = ""


@asynccontextmanager
async def watched(connection: Connection) -> AsyncIterator[Watch]:
    """Tells whom the migrator waits for during the block. The connection is another than the migrator's."""
    watch = Watch()
    watching = asyncio.create_task(_watch(connection, watch), name="locks of a migration")
    try:
        yield watch
    finally:
        watching.cancel()
        await asyncio.wait({watching})


async def _watch(connection: Connection, watch: Watch) -> None:
    try:
        while True:
            await asyncio.sleep(TELL_AFTER_S)
            seen = await name_blockers(connection, MIGRATOR)
            if seen and seen != watch.seen:
                watch.seen = seen
                _tell(seen)
    except (OSError, *DRIVER_TROUBLE) as error:
        log.warning("whom the migration waits for cannot be seen", reason=str(error))


def _tell(holders: str) -> None:
    log.warning("the database is brought up to date once others have left it", held_by=holders)
