"""The permission to follow, over HTTP: asked for apart, for a run or for newcomers, and kept only while it is needed."""

from typing import Any

import pytest

from directory.identifiers import XId
from directory.queries import Lists, Query
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.visitor import agree
from tests.web.archives import following, zip_bytes
from tests.web.members.follow_worlds import HandRun, keep_list
from tests.web.members.follows.pressing import PATH, Follower, member_of, press, start, tokens
from tests.web.members.instance import MemberInstance
from tests.web.members.visitors import SAME_ORIGIN, Visitor
from tests.web.members.worlds import enrol, fetch
from web.list_places import ListPlaces
from web.pages import follow
from web.pages.follow_permit import permission_page


def test_from_an_archive_to_a_run_with_its_permission(
    instance: MemberInstance, internet: FakeInternet, member: Follower, hand: HandRun
) -> None:
    """The permission is asked for apart, only now; nothing of the plan is lost on the way."""
    archive = {"data/following.js": following("1", "2")}
    form = {"form_token": member.form_token(PATH)}
    shown = member.client.post(
        PATH, data=form, files={"files": ("twitter.zip", zip_bytes(archive))}, headers=SAME_ORIGIN
    )
    assert "2 people to follow" in shown.text
    assert "about 1 minute on Mastodon" in shown.text
    assert tokens(instance, member) == 0

    run = start(instance, internet, member)
    assert tokens(instance, member) == 1
    page = member.get(f"/account/runs/{run}?said=permitted").text
    assert "Thank you: your server lets us follow for you." in page
    assert "0 of 3 people" in page
    assert "Allow it at my server" not in page


def test_a_permission_that_was_refused_keeps_the_plan(
    instance: MemberInstance, internet: FakeInternet, member: Follower, hand: HandRun
) -> None:
    leaving = press(member, do="start")
    url = leaving.headers["refresh"].partition("url=")[2]
    back = agree(internet, url, member.acct, deny=True)
    landed = member.get(back.removeprefix(instance.settings.base_url))
    run = hand.only(member_of(instance, member))
    assert landed.headers["location"] == f"/account/runs/{run}?said=not-permitted"
    page = member.get(landed.headers["location"]).text
    assert "Allow it at my server" in page
    asked = member.send(f"/account/runs/{run}", f"/account/runs/{run}/permit")
    assert "refresh" in asked.headers


def test_no_place_of_a_list_is_held_while_a_server_is_asked(
    instance: MemberInstance, internet: FakeInternet, member: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: a server that hangs when it is asked for a permission keeps everybody's lists waiting."""
    seen: list[str] = []
    leave, ask = ListPlaces.__aexit__, permission_page

    async def leaving(*of: Any) -> None:
        seen.append("left")
        await leave(*of)

    async def asking(*of: Any) -> Any:
        seen.append("asked")
        return await ask(*of)

    monkeypatch.setattr(ListPlaces, "__aexit__", leaving)
    monkeypatch.setattr(follow, "permission_page", asking)
    start(instance, internet, member)
    assert seen == ["left", "left", "asked"]


def test_another_account_gives_no_permission(
    instance: MemberInstance, internet: FakeInternet, member: Follower, hand: HandRun
) -> None:
    """Attack: somebody else signs in at the server, so that a member's run would follow with their account."""
    other = enrol(internet, "somebodyelse")
    leaving = press(member, do="start")
    back = agree(internet, leaving.headers["refresh"].partition("url=")[2], other)
    landed = member.get(back.removeprefix(instance.settings.base_url))
    run = hand.only(member_of(instance, member))
    assert landed.headers["location"] == f"/account/runs/{run}?said=not-permitted"
    assert tokens(instance, member) == 0


def test_a_permission_that_nothing_needs_any_more_is_not_kept(
    instance: MemberInstance, internet: FakeInternet, member: Follower, hand: HandRun
) -> None:
    """The run was ended in another window while the person was at their server."""
    leaving = press(member, do="start")
    run = hand.only(member_of(instance, member))
    member.send(f"/account/runs/{run}", f"/account/runs/{run}/cancel")
    back = agree(internet, leaving.headers["refresh"].partition("url=")[2], member.acct)
    landed = member.get(back.removeprefix(instance.settings.base_url))
    assert tokens(instance, member) == 0
    assert landed.headers["location"] == f"/account/runs/{run}?said=not-needed"
    page = member.get(landed.headers["location"]).text
    assert "lets us follow for you" not in page
    assert "so we have given it back" in page


def test_a_permission_is_given_back_whose_run_ends_as_it_is_kept(
    instance: MemberInstance,
    internet: FakeInternet,
    member: Follower,
    hand: HandRun,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between the look whether anything needs it and the keeping, in another window: it stayed, for good, with nothing that
    would give it back."""
    leaving = press(member, do="start")
    run = hand.only(member_of(instance, member))
    back = agree(internet, leaving.headers["refresh"].partition("url=")[2], member.acct)
    follows, keep = instance.members.follows, instance.members.permissions.keep
    assert follows is not None

    async def keep_late(*of: Any) -> None:
        await follows.following.cancel(member_of_run, run)
        await keep(*of)

    member_of_run = member_of(instance, member)
    monkeypatch.setattr(instance.members.permissions, "keep", keep_late)
    landed = member.get(back.removeprefix(instance.settings.base_url))
    assert landed.headers["location"] == f"/account/runs/{run}?said=not-needed"
    assert tokens(instance, member) == 0


def test_newcomers_are_followed_announced_or_neither(
    instance: MemberInstance, internet: FakeInternet, member: Follower
) -> None:
    member.send("/account/list", "/account/list/consent", version="1")
    who = member_of(instance, member)
    keep_list(instance, who, [Query(XId(1), None, Lists.FOLLOWING)])
    page = member.get("/account/list").text
    assert "follow newcomers for me with" in page
    (account,) = fetch(instance, "SELECT id FROM linked_account WHERE member = $1", who)

    leaving = member.send("/account/list", "/account/list/newcomers", newcomers=str(account["id"]))
    back = agree(internet, leaving.headers["refresh"].partition("url=")[2], member.acct)
    landed = member.get(back.removeprefix(instance.settings.base_url))
    assert landed.headers["location"] == "/account/list?said=permitted"
    assert "we follow newcomers for you" in member.get(landed.headers["location"]).text
    assert tokens(instance, member) == 1

    told = member.send("/account/list", "/account/list/newcomers", newcomers="tell", version="1")
    assert "only tell you" in member.get(told.headers["location"]).text
    assert fetch(instance, "SELECT 1 FROM standing_match WHERE member = $1", who) == []
    assert tokens(instance, member) == 0


def test_nobody_follows_newcomers_with_the_account_of_another(
    instance: MemberInstance, internet: FakeInternet, member: Follower, eve: Visitor
) -> None:
    """Attack: a member has newcomers followed with the account of somebody else."""
    (account,) = fetch(
        instance, "SELECT id FROM linked_account WHERE member = $1", member_of(instance, member)
    )
    eve.sign_in_at_mastodon(internet, enrol(internet, "evefollows"))
    assert eve.send("/account", "/account/list/newcomers", newcomers=str(account["id"])).status_code == 409
    assert fetch(instance, "SELECT 1 FROM standing_match WHERE account = $1", account["id"]) == []


def test_nobody_is_promised_messages_where_the_instance_sends_none(
    instance: MemberInstance, member: Follower
) -> None:
    member.send("/account/list", "/account/list/consent", version="1")
    keep_list(instance, member_of(instance, member), [Query(XId(1), None, Lists.FOLLOWING)])
    page = member.get("/account/list").text
    assert "follow newcomers for me with" in page
    assert "only tell me" not in page
