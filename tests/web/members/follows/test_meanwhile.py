"""What changed between the plan that was shown and the button that is pressed: the person found, the member, another tab."""

import re

from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.mappings import mastodon
from tests.web.members.follow_worlds import HandRun
from tests.web.members.follows.pressing import PATH, Follower, member_of, press
from tests.web.members.instance import MemberInstance
from tests.web.members.visitors import SAME_ORIGIN
from tests.web.members.worlds import fetch


def people_of(instance: MemberInstance, member: Follower) -> list[str]:
    rows = fetch(
        instance,
        "SELECT i.target_handle FROM follow_item i JOIN follow_run r ON r.id = i.run"
        " JOIN linked_account a ON a.id = r.account WHERE a.handle = $1 ORDER BY i.number",
        member.acct,
    )
    return [str(row["target_handle"]) for row in rows]


def form_of(page: str) -> dict[str, str]:
    """The hidden fields of a plan, as the browser sends them back."""
    fields = re.findall(r'<input type="hidden"\s+name="([^"]+)"\s+value="([^"]*)"', page)
    return {name: value for name, value in fields if name in {"pairs", "toggled", "shown", "part", "page"}}


def ticks_of(page: str) -> list[str]:
    return re.findall(r'name="tick"\s+value="([^"]+)"\s+checked', page)


def send(member: Follower, page: str, ticks: list[str], **fields: str) -> str:
    """Sends the form of a page that was shown earlier."""
    given: dict[str, str | list[str]] = {**form_of(page), "tick": ticks, **fields}
    given["form_token"] = member.form_token(PATH)
    return member.client.post(PATH, data=given, headers=SAME_ORIGIN).text


def test_who_withdrew_since_the_page_was_shown_is_not_planned(
    instance: MemberInstance, member: Follower
) -> None:
    """Attack: the form of an hour ago names somebody who has been taken out of the directory since."""
    page = press(member).text
    ticks = ticks_of(page)
    assert len(ticks) == 3
    bob = mastodon("bob", 2)
    fetch(instance, "UPDATE mapping SET x_handle = 'nobody', x_id = 999 WHERE x_id = 2")
    try:
        send(member, page, ticks, do="start")
        assert str(bob.target_handle) not in people_of(instance, member)
        assert people_of(instance, member) == ["ann@social.example", "cat@social.example"]
    finally:
        fetch(instance, "UPDATE mapping SET x_handle = 'bob', x_id = 2 WHERE x_id = 999")


def test_a_member_who_left_since_the_page_was_shown_starts_nothing(
    instance: MemberInstance, member: Follower
) -> None:
    """Attack: the member is erased, in another window, and then the button of the plan is pressed."""
    page = press(member).text
    token = member.form_token(PATH)
    me = member_of(instance, member)
    instance.call(lambda: instance.members.leaving.erase(me))
    given: dict[str, str | list[str]] = {**form_of(page), "tick": ticks_of(page), "form_token": token}
    answer = member.client.post(PATH, data={**given, "do": "start"}, headers=SAME_ORIGIN)
    assert answer.status_code in {303, 401, 403}
    assert fetch(instance, "SELECT 1 FROM follow_run WHERE member = $1", me) == []


def test_who_was_ignored_in_another_tab_is_not_followed_by_this_one(
    instance: MemberInstance, member: Follower
) -> None:
    page = press(member).text
    press(member, ignore=str(mastodon("bob", 2).target_id))
    send(member, page, ticks_of(page), do="start")
    assert people_of(instance, member) == ["ann@social.example", "cat@social.example"]


def test_a_tick_of_another_tab_changes_nothing_in_this_one(
    instance: MemberInstance, member: Follower
) -> None:
    """Two tabs: each starts what it shows."""
    first = press(member).text
    second = press(member, shown="1.m 2.m 3.m", tick="2.m").text
    assert ticks_of(second) == ["2.m"]
    send(member, first, ticks_of(first), do="start")
    assert people_of(instance, member) == ["ann@social.example", "bob@social.example", "cat@social.example"]


def test_both_tabs_start_and_one_run_begins(
    instance: MemberInstance, internet: FakeInternet, member: Follower, hand: HandRun
) -> None:
    first, second = press(member).text, press(member, shown="1.m 2.m 3.m", tick="2.m").text
    send(member, first, ticks_of(first), do="start")
    send(member, second, ticks_of(second), do="start")
    assert hand.count(member_of(instance, member)) == 1
    assert len(people_of(instance, member)) == 3
