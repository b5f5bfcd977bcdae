"""A small internet with servers of the Mastodon API, and our client in it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from directory.networks.http import GuardedClient
from tests.directory.networks.mastodon.signing_in import Instance
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
def instance(internet: FakeInternet, http: GuardedClient) -> Instance:
    """An instance of ours."""
    return Instance(internet, http)
