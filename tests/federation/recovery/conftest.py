"""Two instances on this machine, over real HTTP, of which the second is a peer of the first."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.migrate import migrate
from directory.clock import SystemClock
from tests.conftest import TEMPLATE
from tests.harness.peers import PeerInstance, peer_instance
from tests.harness.postgres import SharedPostgres


@pytest.fixture
async def other_dsn(postgres: SharedPostgres) -> AsyncIterator[str]:
    template = await postgres.template(TEMPLATE, migrate)
    async with postgres.database(template) as address:
        yield address


@pytest.fixture
def one(dsn: str, folder: Path) -> Iterator[PeerInstance]:
    """By the clock of the machine, which the commands go by as well."""
    with peer_instance(dsn, folder, "one.localhost", clock=SystemClock(), people=20) as instance:
        yield instance


@pytest.fixture
def two(other_dsn: str, folder: Path) -> Iterator[PeerInstance]:
    with peer_instance(other_dsn, folder, "two.localhost", clock=SystemClock()) as instance:
        yield instance
