"""The operators let nobody be followed any more: what members had begun before stays in their hands."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from directory.follows.plan import target_of
from directory.follows.runs import Plan, Wanted
from directory.follows.states import ItemState
from directory.follows.switches import Switches
from directory.mappings import Mapping
from directory.networks.port import Purpose
from directory.queries import Query
from directory.services.following import Following
from directory.store.follows import FollowStore
from directory.store.members import MemberStore
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_x import FakeX
from tests.harness.mappings import mastodon
from tests.web.members.follow_worlds import HandRun, account_of, keep_list, permit
from tests.web.members.follows.pressing import Follower, member_of, tokens
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.worlds import client_of


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, internet: FakeInternet, x: FakeX) -> Iterator[MemberInstance]:
    with member_instance(
        module_dsn, data, x=x, open_client=client_of(internet), jobs=False, log="by hand", follows=False
    ) as running:
        yield running


def begun_before(instance: MemberInstance, member: UUID, people: list[Mapping]) -> UUID:
    """A run from the time when people were followed, permitted then."""
    account = account_of(instance, member)
    permit(instance, account)
    members = MemberStore(instance.database)
    store = FollowStore(instance.database)
    following = Following(store, members, instance.members.permissions, Switches(), instance.clock)
    wanted = [Wanted(target_of(each), Query(x_id=each.x_id, x_handle=None), False) for each in people]
    run = instance.call(lambda: following.start(member, account, Plan(tuple(wanted), ())))
    return run.id


def test_a_run_that_was_begun_is_seen_and_undone(
    instance: MemberInstance, member: Follower, hand: HandRun
) -> None:
    """Its pages were gone: whom it had followed stayed followed, and the permission stayed at the server."""
    run = begun_before(instance, member_of(instance, member), [mastodon("ann", 1), mastodon("bob", 2)])
    hand.begin(run)
    hand.follow(run, [0])
    assert "/account/runs" in member.get("/account").text
    assert str(run) in member.get("/account/runs").text
    page = f"/account/runs/{run}"
    assert member.send(page, f"{page}/undo").headers["location"] == f"{page}?said=undo"
    assert hand.states(run) == [ItemState.UNDOING, ItemState.PENDING]


def test_a_run_that_waits_is_ended_and_its_permission_given_back(
    instance: MemberInstance, member: Follower
) -> None:
    run = begun_before(instance, member_of(instance, member), [mastodon("ann", 1)])
    assert tokens(instance, member) == 1
    page = f"/account/runs/{run}"
    assert member.send(page, f"{page}/cancel").headers["location"] == f"{page}?said=cancel"
    assert tokens(instance, member) == 0


def test_nothing_new_is_offered(instance: MemberInstance, member: Follower) -> None:
    assert member.get("/account/follow").status_code == 404
    assert "/account/follow" not in member.get("/account").text
    assert "/account/runs" not in member.get("/account").text
    assert "/account/follow" not in member.get("/account/runs").text
    keep_list(instance, member_of(instance, member), [Query(x_id=None, x_handle=mastodon("ann", 1).x_handle)])
    assert 'name="newcomers"' not in member.get("/account/list").text


def test_a_wish_that_stands_can_be_ended(instance: MemberInstance, member: Follower) -> None:
    """Whoever had newcomers followed could not take that back, nor the permission."""
    owner = member_of(instance, member)
    account = account_of(instance, owner)
    keep_list(instance, owner, [Query(x_id=None, x_handle=mastodon("ann", 1).x_handle)])
    permit(instance, account, purpose=Purpose.FOLLOW)
    instance.call(lambda: instance.members.follows.planning.set_standing(owner, [account]))
    page = member.get("/account/list").text
    assert f'value="{account}"' in page
    assert "/account/follow" not in page, "it is not there"
    member.send("/account/list", "/account/list/newcomers", newcomers="off")
    assert instance.call(lambda: instance.members.follows.planning.standing(owner)) == []
    assert tokens(instance, member) == 0


def test_a_wish_that_stands_asks_for_no_permission(instance: MemberInstance, member: Follower) -> None:
    """Its account is chosen in the form already: "Save" sent whoever looked to their server, for what nobody is followed with."""
    owner = member_of(instance, member)
    account = account_of(instance, owner)
    keep_list(instance, owner, [Query(x_id=None, x_handle=mastodon("ann", 1).x_handle)])
    instance.call(lambda: instance.members.follows.planning.set_standing(owner, [account]))
    answer = member.send("/account/list", "/account/list/newcomers", newcomers=str(account))
    assert "refresh" not in answer.headers
    assert "lets nobody be followed there at the moment" in answer.text
