"""Fixtures of all tests: one PostgreSQL for each run, a fresh migrated database for each test, and a clock that
is set by hand."""

from collections.abc import AsyncIterator

import pytest

from deploy.migrate import migrate
from directory.store.database import Database
from tests.harness.clock import FakeClock
from tests.harness.postgres import SharedPostgres
from tests.harness.stored import StoredMappings

TEMPLATE = "migrated"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def dsn(postgres: SharedPostgres) -> AsyncIterator[str]:
    """The address of this test's own database, with all migrations."""
    template = await postgres.template(TEMPLATE, migrate)
    async with postgres.database(template) as address:
        yield address


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    opened = await Database.connect(dsn, max_connections=4)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
def mapping_store(database: Database) -> StoredMappings:
    return StoredMappings(database)
