"""A bad certificate, a host that does not answer and one that is no server, where the permission to follow is asked for."""

import itertools
from collections.abc import Iterator
from html import unescape
from typing import Final

import pytest

from directory.identifiers import XId
from directory.queries import Lists, Query
from tests.cases.servers import Case, broken, cases_of
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.web.members.follow_worlds import HandRun, keep_list
from tests.web.members.follows.pressing import Follower, member_of, press
from tests.web.members.instance import MemberInstance
from tests.web.members.worlds import HOST, enrol, fetch

NUMBERS: Final = itertools.count()


@pytest.fixture
def member(instance: MemberInstance, internet: FakeInternet) -> Iterator[Follower]:
    acct = enrol(internet, f"door{next(NUMBERS)}")
    with Follower(instance, acct) as visitor:
        visitor.sign_in_at_mastodon(internet, acct)
        yield visitor


@pytest.mark.parametrize("case", cases_of("follow"), ids=str)
def test_follow(
    instance: MemberInstance, internet: FakeInternet, member: Follower, hand: HandRun, case: Case
) -> None:
    """The plan is kept as a run, whose page says it."""
    with broken(internet, HOST, case.server):
        landed = press(member, do="start")
    run = hand.only(member_of(instance, member))
    assert landed.headers["location"].startswith(f"/account/runs/{run}?said=")
    assert case.sentence in unescape(member.get(landed.headers["location"]).text)


@pytest.mark.parametrize("case", cases_of("newcomers"), ids=str)
def test_newcomers(instance: MemberInstance, internet: FakeInternet, member: Follower, case: Case) -> None:
    member.send("/account/list", "/account/list/consent", version="1")
    who = member_of(instance, member)
    keep_list(instance, who, [Query(XId(1), None, Lists.FOLLOWING)])
    (account,) = fetch(instance, "SELECT id FROM linked_account WHERE member = $1", who)
    with broken(internet, HOST, case.server):
        landed = member.send("/account/list", "/account/list/newcomers", newcomers=str(account["id"]))
    assert case.sentence in unescape(member.get(landed.headers["location"]).text)
