"""A running instance with a few people in it, one for each module."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio

from deploy.migrate import migrate
from directory.mappings import Strength
from tests.conftest import TEMPLATE
from tests.harness.browser import chromium, shared_chromium
from tests.harness.instance import RunningInstance, running_instance
from tests.harness.mappings import OTHER_ORIGIN, bluesky, mastodon
from tests.harness.no_tls import NO_TLS
from tests.harness.postgres import SharedPostgres

__all__ = ["chromium", "shared_chromium"]
PUBLIC_URL = "https://find.example"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_dsn(postgres: SharedPostgres) -> AsyncIterator[str]:
    template = await postgres.template(TEMPLATE, migrate)
    async with postgres.database(template) as address:
        yield address


async def fill(instance: RunningInstance) -> None:
    """Adds people of each kind: bound, by name, linked, a hint, a dispute, two that agree."""
    people = [
        bluesky("Jack", 12),
        mastodon("Jack", 12),
        mastodon("Nina_3"),
        bluesky("linked", strength=Strength.LINKED),
        bluesky("hint", strength=Strength.IMPORTED),
        bluesky("torn", 77, target="one"),
        bluesky("torn", 77, target="two", origin=OTHER_ORIGIN),
        bluesky("agreed", 78),
        bluesky("agreed", 78, origin=OTHER_ORIGIN),
    ]
    crowd = [bluesky(f"crowd{number}", 10_000 + number) for number in range(120)]
    await instance.mappings().add(people + crowd)


@pytest.fixture(scope="module")
def instance(module_dsn: str) -> Iterator[RunningInstance]:
    with running_instance(module_dsn, fill=fill, public_url=PUBLIC_URL) as running:
        yield running


@pytest.fixture
def client(instance: RunningInstance) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=instance.url, timeout=20, trust_env=False, verify=NO_TLS) as opened:
        yield opened
