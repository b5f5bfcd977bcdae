"""Fixtures of all tests: one PostgreSQL for each run, a fresh migrated database for each test, and a clock that
is set by hand. Property tests try the same examples in each run, so that a suite that passed passes again; `make fuzz`
tries others."""

import os
from collections.abc import AsyncIterator
from typing import Final

import pytest
from hypothesis import settings

from deploy.migrate import migrate
from directory.store.database import Database
from tests.harness.clock import FakeClock
from tests.harness.postgres import SharedPostgres
from tests.harness.stored import StoredMappings

TEMPLATE = "migrated"
FUZZ: Final = "PASSERELLE_TEST_FUZZ"

# No deadlines: they would measure how busy the machine is.
settings.register_profile("suite", deadline=None, derandomize=True, database=None)
settings.register_profile("fuzz", deadline=None, max_examples=1_000)
if settings.get_current_profile_name() != "mutants":
    settings.load_profile("fuzz" if os.environ.get(FUZZ) else "suite")


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
