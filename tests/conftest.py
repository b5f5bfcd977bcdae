"""Fixtures of all tests: one PostgreSQL for each run, a fresh migrated database for each test, and a clock that
is set by hand. Property tests try the same examples in each run, so that a suite that passed passes again; `make fuzz`
tries others."""

import asyncio
import gc
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Final

import pytest
import structlog
from hypothesis import settings

from deploy.migrate import migrate
from directory.networks.bluesky.profiles import MODERATION
from directory.store.database import Database
from tests.harness.clock import FakeClock
from tests.harness.postgres import SharedPostgres
from tests.harness.stored import StoredMappings
from tests.peers.app_view import AppView, network_with_view

TEMPLATE = "migrated"
FUZZ: Final = "PASSERELLE_TEST_FUZZ"

# No deadlines: they would measure how busy the machine is.
settings.register_profile("suite", deadline=None, derandomize=True, database=None)
settings.register_profile("fuzz", deadline=None, max_examples=1_000)
if settings.get_current_profile_name() != "mutants":
    settings.load_profile("fuzz" if os.environ.get(FUZZ) else "suite")


def pytest_collection_finish() -> None:
    """Keeps the collector from what lives as long as the run: a round over thousands of tests takes half a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command that a test loads sets up the logs of the whole process, and the tests after it would see no line."""
    before = structlog.get_config()
    yield
    if structlog.get_config() != before:
        structlog.configure(**before)


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


@pytest.fixture(scope="session")
def app_view(postgres: SharedPostgres) -> Iterator[AppView]:
    """Bluesky's AppView over a PDS of its own, started when the first test of this process needs it.

    It heeds Bluesky's moderators, as the public one does. Accounts have names of their own, so tests can share it.
    """
    with asyncio.Runner() as runner:
        label = f"app_view_{secrets.token_hex(6)}"
        dsn = runner.run(postgres.create_database_from_template(label))
        try:
            with network_with_view(dsn, [MODERATION]) as running:
                yield running
        finally:
            runner.run(postgres.drop_database(label))
