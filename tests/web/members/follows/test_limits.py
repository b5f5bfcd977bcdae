"""The limit of people a minute holds for a plan, wherever its people come from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from directory.identifiers import XId
from directory.queries import Lists, Query
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_x import FakeX
from tests.web.members.follow_worlds import keep_list
from tests.web.members.follows.pressing import PATH, Follower, member_of, press
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.worlds import client_of


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, internet: FakeInternet, x: FakeX) -> Iterator[MemberInstance]:
    with member_instance(
        module_dsn, data, x=x, open_client=client_of(internet), jobs=False, rate_pairs_per_minute=7
    ) as running:
        yield running


def test_a_kept_list_is_counted_like_one_that_is_sent(instance: MemberInstance, member: Follower) -> None:
    """Attack: a member keeps a large list once, and has it matched without end, so that nobody else's is."""
    member.send("/account/list", "/account/list/consent", version="1")
    people = [Query(XId(number), None, Lists.FOLLOWING) for number in range(1, 5)]
    keep_list(instance, member_of(instance, member), people)
    assert member.get(f"{PATH}?source=kept-list").status_code == 200
    refused = member.get(f"{PATH}?source=kept-list")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert press(member, "", source="kept-list").status_code == 429
    assert press(member, "1,ann,f").status_code == 200, "what fits is shown"
