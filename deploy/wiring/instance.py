"""Opens the database of an instance, and builds what needs nothing but it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deploy.migrate import migrate
from directory.clock import Clock
from directory.services.lookup import Lookup
from directory.settings import Settings
from directory.store.database import Database
from directory.store.mappings import MappingStore
from federation.keys.instance import log_origin


@asynccontextmanager
async def migrated_database(dsn: str, *, connections: int) -> AsyncIterator[Database]:
    """Migrates the database to the present schema, and opens a pool over it until the block ends.

    Raises DirectoryUnavailable, SchemaTooNew, MigrationFailed.
    """
    await migrate(dsn)
    database = await Database.connect(dsn, max_connections=connections)
    try:
        yield database
    finally:
        await database.close()


def build_lookup(settings: Settings, database: Database, clock: Clock) -> Lookup:
    """Builds the lookups over an open, migrated database."""
    return Lookup(MappingStore(database), clock, log_origin(settings))
