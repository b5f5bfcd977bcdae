"""A small internet in which Alice has an honest server, and Mallory one of her own."""

import pytest

from directory.networks.http import GuardedClient
from tests.directory.networks.bluesky.fakes import ALICE, MALLORY, Neighbourhood
from tests.harness.fake_mastodon.fixtures import http_fixture, internet_fixture
from tests.harness.fake_mastodon.internet import FakeInternet

internet = internet_fixture()
http = http_fixture()


@pytest.fixture
def near(internet: FakeInternet, http: GuardedClient) -> Neighbourhood:
    """Alice at an honest server, Mallory at a server of her own."""
    near = Neighbourhood(internet, http)
    near.person(ALICE, "alice.test", near.server("pds.test", ALICE).origin)
    near.person(MALLORY, "mallory.test", near.server("evil.test", MALLORY).origin)
    return near
