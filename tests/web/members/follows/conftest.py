"""An instance where five people are found at Mastodon and one at Bluesky, and a member who wants to follow them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_x import FakeX
from tests.harness.mappings import bluesky, mastodon
from tests.web.members.follow_worlds import HandRun, find
from tests.web.members.follows.pressing import Follower
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.worlds import client_of, enrol


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, internet: FakeInternet, x: FakeX) -> Iterator[MemberInstance]:
    with member_instance(
        module_dsn, data, x=x, open_client=client_of(internet), jobs=False, log="by hand"
    ) as running:
        names = ("ann", "bob", "cat", "dan", "eve")
        find(running, [mastodon(name, number) for number, name in enumerate(names, 1)])
        find(running, [bluesky("blu", 9)])
        yield running


@pytest.fixture
def member(
    instance: MemberInstance, internet: FakeInternet, request: pytest.FixtureRequest
) -> Iterator[Follower]:
    acct = enrol(internet, request.node.name[5:30])
    with Follower(instance, acct) as visitor:
        visitor.sign_in_at_mastodon(internet, acct)
        yield visitor


@pytest.fixture
def hand(instance: MemberInstance) -> HandRun:
    return HandRun(instance)
