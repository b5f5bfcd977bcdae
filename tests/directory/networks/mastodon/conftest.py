"""A small internet with servers of the Mastodon API, and our client in it."""

import pytest

from directory.networks.http import GuardedClient
from tests.directory.networks.mastodon.signing_in import Instance
from tests.harness.fake_mastodon.fixtures import http_fixture, internet_fixture
from tests.harness.fake_mastodon.internet import FakeInternet

internet = internet_fixture()
http = http_fixture()


@pytest.fixture
def instance(internet: FakeInternet, http: GuardedClient) -> Instance:
    """An instance of ours."""
    return Instance(internet, http)
