"""The servers of others that the tests here speak to."""

from collections.abc import AsyncIterator, Iterator

import pytest

from directory.networks.http import GuardedClient
from tests.peers.mastodon_mock import HOST, MockMastodon, running_mock
from tests.peers.pds import Pds, shared_pds


@pytest.fixture(scope="session")
def pds() -> Pds:
    """The PDS that the tests of this process share."""
    return shared_pds()


@pytest.fixture(scope="module")
def mock() -> Iterator[MockMastodon]:
    with running_mock() as running:
        yield running


@pytest.fixture
async def http(mock: MockMastodon) -> AsyncIterator[GuardedClient]:
    """Our client at the mock, whose faults are gone after the test."""
    async with mock.client() as client:
        yield client
        await client.request("DELETE", f"https://{HOST}/api/v1/_mock/faults")
