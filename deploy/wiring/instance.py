"""Opens the database of an instance, and builds what needs nothing but it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deploy.migrate import migrated
from directory.clock import Clock
from directory.services.lookup import Lookup
from directory.settings import Role, Settings
from directory.store.database import Database
from directory.store.mappings import MappingStore
from directory.store.primary import PrimaryWatch
from directory.store.reading import Readable
from directory.store.reads import ReadDatabase
from directory.store.replicas import Replica
from federation.keys.instance import log_origin


@asynccontextmanager
async def migrated_database(dsn: str, *, connections: int, processes: int = 1) -> AsyncIterator[Database]:
    """Migrates the database to the present schema, and opens a pool over it until the block ends.
    `processes`, this one among them, share what our role may open.

    Raises DirectoryUnavailable, SchemaTooNew, MigrationBusy, MigrationFailed.
    """
    async with migrated(dsn):
        database = await Database.connect(dsn, max_connections=connections, processes=processes)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def open_reads(settings: Settings, dsn: str, database: Database) -> AsyncIterator[ReadDatabase | None]:
    """Watches the replicas of the settings until the block ends. None of them has to answer. Yields None where there are
    none, or this process answers nobody: the primary is read."""
    if not settings.read_database_url or Role.WEB not in settings.roles:
        yield None
        return
    primary = PrimaryWatch(dsn)
    reads = ReadDatabase(database, primary, build_replicas(settings, primary))
    reads.start()
    try:
        yield reads
    finally:
        await reads.close()


def build_replicas(settings: Settings, primary: PrimaryWatch) -> list[Replica]:
    """Builds the replicas of the settings, which nobody watches yet."""
    now = asyncio.get_running_loop().time
    return [Replica(url, primary, now, settings.database_connections) for url in settings.read_database_url]


def build_lookup(settings: Settings, database: Readable, clock: Clock) -> Lookup:
    """Builds the lookups over an open, migrated database, or its replicas."""
    return Lookup(MappingStore(database), clock, log_origin(settings))
