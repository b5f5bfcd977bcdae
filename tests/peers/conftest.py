"""The servers of others that the tests here speak to."""

import pytest

from tests.peers.pds import Pds, shared_pds


@pytest.fixture(scope="session")
def pds() -> Pds:
    """The PDS that the tests of this process share."""
    return shared_pds()
