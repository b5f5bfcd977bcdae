"""A primary with replicas for the tests of this folder, and a database on them for each test."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.migrate import migrate
from deploy.wiring.instance import open_reads
from directory.settings import Settings
from directory.store.database import Database
from directory.store.mappings import MappingStore
from directory.store.reads import ReadDatabase
from directory.store.replicas import Replica, ReplicaState
from tests.harness.clock import FakeClock
from tests.harness.replicas import Cluster, Server, running_cluster, same_database
from tests.harness.stored import StoredMappings

PATIENCE_S = 60
TEMPLATE = "migrated"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One for a module: its servers are as they were when a test ends."""
    with running_cluster() as running:
        asyncio.run(migrate(running.make_database(TEMPLATE)))
        yield running


@pytest.fixture(scope="module")
def replica(cluster: Cluster) -> Server:
    return cluster.replica("one")


@pytest.fixture
def dsn(cluster: Cluster) -> str:
    """The address of this test's own database on the primary."""
    name = f"test_{secrets.token_hex(6)}"
    cluster.primary.run(f"CREATE DATABASE {name} OWNER an_operator TEMPLATE {TEMPLATE}")
    return cluster.primary.dsn(name)


class Site:
    """What reads a database with replicas, and the primary beside it."""

    def __init__(self, dsn: str, primary: Database, reads: ReadDatabase, clock: FakeClock) -> None:
        self.dsn, self.primary, self.reads, self.clock = dsn, primary, reads, clock
        self.stored = StoredMappings(primary)
        self.mappings = MappingStore(reads)

    @property
    def replica(self) -> Replica:
        return self.reads.replicas[0]

    def states(self) -> list[ReplicaState]:
        return [each.state for each in self.reads.replicas]

    def now(self) -> float:
        """Returns the time by the clock of what is known of the replicas."""
        return asyncio.get_running_loop().time()

    async def until_used(self) -> None:
        """Waits until every replica is asked."""
        await until(lambda: set(self.states()) == {ReplicaState.USED})

    async def until_held(self) -> None:
        """Waits until the replicas hold what is stored now."""
        now = self.now()
        await until(lambda: all((each.as_of or 0) >= now for each in self.reads.replicas))


Open = Callable[..., Awaitable[Site]]


async def until(holds: Callable[[], bool]) -> None:
    """Waits until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - it is asked of other processes
            await asyncio.sleep(0.02)


@asynccontextmanager
async def reading(dsn: str, replicas: Sequence[Server | str], clock: FakeClock) -> AsyncIterator[Site]:
    """Reads a database from replicas of it, as a process of an instance does."""
    urls = tuple(each if isinstance(each, str) else same_database(dsn, each) for each in replicas)
    settings = Settings(data=Path("/nowhere"), database_url=dsn, read_database_url=urls)
    database = await Database.connect(dsn, max_connections=4)
    try:
        async with open_reads(settings, dsn, database) as reads:
            assert reads is not None
            yield Site(dsn, database, reads, clock)
    finally:
        await database.close()


@pytest.fixture
async def site(dsn: str, replica: Server, clock: FakeClock) -> AsyncIterator[Site]:
    """Reads from one replica, which is current."""
    async with reading(dsn, [replica], clock) as opened:
        await opened.until_used()
        yield opened
