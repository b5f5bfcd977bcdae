"""Two instances on this machine, each with a log and people in it, which do not know each other."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.migrate import migrate
from tests.conftest import TEMPLATE
from tests.directory.networks.conftest import internet
from tests.harness.clock import FakeClock
from tests.harness.peers import PeerInstance, peer_instance
from tests.harness.postgres import SharedPostgres

PEOPLE = 300

__all__ = ["internet"]


@pytest.fixture
async def other_dsn(postgres: SharedPostgres) -> AsyncIterator[str]:
    template = await postgres.template(TEMPLATE, migrate)
    async with postgres.database(template) as address:
        yield address


@pytest.fixture
def one(dsn: str, tmp_path: Path, clock: FakeClock) -> Iterator[PeerInstance]:
    with peer_instance(dsn, tmp_path, "one.localhost", clock=clock, people=PEOPLE) as instance:
        yield instance


@pytest.fixture
def two(other_dsn: str, tmp_path: Path, clock: FakeClock) -> Iterator[PeerInstance]:
    with peer_instance(other_dsn, tmp_path, "two.localhost", clock=clock) as instance:
        yield instance
