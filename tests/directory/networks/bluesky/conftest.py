"""A real PDS with a real PLC directory, and our client that speaks to them."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from directory.networks.http import GuardedClient
from tests.directory.networks.bluesky.signing_in import Instance
from tests.directory.networks.strangers import loopback_client
from tests.peers.pds import Account, Pds, shared_pds


@pytest.fixture(scope="session")
def pds() -> Pds:
    """The PDS that the tests of this process share."""
    return shared_pds()


@pytest.fixture
async def http() -> AsyncIterator[GuardedClient]:
    async with loopback_client() as client:
        yield client


@pytest.fixture
def instance(pds: Pds, http: GuardedClient) -> Instance:
    """An instance of ours on this machine, with the loopback client."""
    return Instance(pds, http)


@pytest.fixture
async def alice(pds: Pds) -> Account:
    return await asyncio.to_thread(pds.create_account)


@pytest.fixture
async def bob(pds: Pds) -> Account:
    return await asyncio.to_thread(pds.create_account)
