"""The two instances, started once a module, as if they had never met before each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from deploy.migrate import migrate
from tests.conftest import TEMPLATE
from tests.federation.peers.conftest import PEOPLE
from tests.harness.clock import FakeClock
from tests.harness.peers import PeerInstance, peer_instance
from tests.harness.postgres import SharedPostgres

_BETWEEN_H: Final = 2
"""Hours until the next test: what an instance counts a minute or an hour begins anew."""
_OF_PEERS: Final = (
    "SELECT tablename AS name FROM pg_tables WHERE tablename LIKE 'peer%' AND schemaname = 'public'"
)


@pytest.fixture(scope="module")
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("instances")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_dsn(postgres: SharedPostgres) -> AsyncIterator[str]:
    template = await postgres.template(TEMPLATE, migrate)
    async with postgres.database(template) as address:
        yield address


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two_dsn(postgres: SharedPostgres) -> AsyncIterator[str]:
    template = await postgres.template(TEMPLATE, migrate)
    async with postgres.database(template) as address:
        yield address


@pytest.fixture(scope="module")
def started_one(one_dsn: str, folder: Path, clock: FakeClock) -> Iterator[PeerInstance]:
    with peer_instance(one_dsn, folder, "one.localhost", clock=clock, people=PEOPLE) as instance:
        yield instance


@pytest.fixture(scope="module")
def started_two(two_dsn: str, folder: Path, clock: FakeClock) -> Iterator[PeerInstance]:
    with peer_instance(two_dsn, folder, "two.localhost", clock=clock) as instance:
        yield instance


@pytest.fixture
def one(started_one: PeerInstance, clock: FakeClock) -> PeerInstance:
    """Shadows the one that is started for each test."""
    clock.advance(hours=_BETWEEN_H)
    return forgetting(started_one)


@pytest.fixture
def two(started_two: PeerInstance, clock: FakeClock) -> PeerInstance:
    """Shadows the one that is started for each test."""
    clock.advance(hours=_BETWEEN_H)
    return forgetting(started_two)


def forgetting(instance: PeerInstance) -> PeerInstance:
    """Has an instance forget its peers, and starts their numbers anew."""
    tables = ", ".join(row["name"] for row in instance.fetch(_OF_PEERS))
    instance.fetch(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
    instance.fetch("DELETE FROM origin WHERE name LIKE '%.%' AND name <> $1", instance.origin)
    return instance
