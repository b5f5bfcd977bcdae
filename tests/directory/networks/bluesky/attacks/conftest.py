"""A small internet in which Alice has an honest server, and Mallory one of her own."""

from collections.abc import AsyncIterator, Iterator

import pytest

from directory.networks.http import GuardedClient
from tests.directory.networks.bluesky.fakes import ALICE, MALLORY, Neighbourhood
from tests.harness.fake_mastodon.internet import FakeInternet


@pytest.fixture
def internet() -> Iterator[FakeInternet]:
    with FakeInternet() as internet:
        yield internet


@pytest.fixture
async def http(internet: FakeInternet) -> AsyncIterator[GuardedClient]:
    async with internet.client() as client:
        yield client


@pytest.fixture
def near(internet: FakeInternet, http: GuardedClient) -> Neighbourhood:
    """Alice at an honest server, Mallory at a server of her own."""
    near = Neighbourhood(internet, http)
    near.person(ALICE, "alice.test", near.server("pds.test", ALICE).origin)
    near.person(MALLORY, "mallory.test", near.server("evil.test", MALLORY).origin)
    return near
