"""A permission that its server refuses in the middle of a run: the member can give it again, whatever is kept."""

from datetime import timedelta
from uuid import UUID

from directory.follows.waiting import KEEP_PERMISSION
from directory.store.waiting_permissions import give_back_unused
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.visitor import agree
from tests.web.members.follow_worlds import HandRun
from tests.web.members.follows.pressing import Follower, start, tokens
from tests.web.members.instance import MemberInstance
from tests.web.members.worlds import fetch


def permit_again(
    instance: MemberInstance, internet: FakeInternet, member: Follower, run: UUID, act: str
) -> str:
    """Presses a button of the run's page, and agrees at the server. Returns where that leads."""
    page = f"/account/runs/{run}"
    leaving = member.send(page, f"{page}/{act}")
    assert "refresh" in leaving.headers, leaving.headers
    back = agree(internet, leaving.headers["refresh"].partition("url=")[2], member.acct)
    return member.get(back.removeprefix(instance.settings.base_url)).headers["location"]


def of_run(instance: MemberInstance, run: UUID) -> tuple[object, ...]:
    ((state, note),) = map(tuple, fetch(instance, "SELECT state, note FROM follow_run WHERE id = $1", run))
    return state, note


def test_a_refused_permission_is_asked_for_again(
    instance: MemberInstance, internet: FakeInternet, member: Follower, hand: HandRun
) -> None:
    """Fault: the member took the permission back at their server, which refused the token from then on. The run waited for a
    sign-in, its page had no button for one, and whatever was pressed there led back at once: a permission was kept."""
    run = start(instance, internet, member)
    hand.begin(run)
    hand.lose_permission(run)
    (before,) = fetch(instance, "SELECT id FROM token ORDER BY granted_at DESC LIMIT 1")
    assert "Allow it at my server" in member.get(f"/account/runs/{run}").text
    assert permit_again(instance, internet, member, run, "permit") == f"/account/runs/{run}?said=permitted"
    assert of_run(instance, run) == (1, "")
    assert tokens(instance, member) == 1
    assert fetch(instance, "SELECT 1 FROM token WHERE id = $1", before["id"]) == []
    assert "Allow it at my server" not in member.get(f"/account/runs/{run}").text


def test_going_on_asks_for_a_refused_permission(
    instance: MemberInstance, internet: FakeInternet, member: Follower, hand: HandRun
) -> None:
    """Fault: the same with "Go on": it asked the server with the refused token, and waited again."""
    run = start(instance, internet, member)
    hand.begin(run)
    hand.lose_permission(run)
    assert permit_again(instance, internet, member, run, "resume") == f"/account/runs/{run}?said=permitted"
    assert of_run(instance, run) == (1, "")


def test_an_undo_whose_permission_is_refused_can_be_permitted(
    instance: MemberInstance, internet: FakeInternet, member: Follower, hand: HandRun
) -> None:
    """Fault: it waited for ever, could not be ended, and its account could follow with no other run."""
    run = start(instance, internet, member)
    hand.begin(run)
    hand.follow(run, [0, 1])
    page = f"/account/runs/{run}"
    member.send(page, f"{page}/undo")
    assert "Allow it at my server" not in member.get(page).text
    fetch(instance, "UPDATE follow_run SET note = 'needs-sign-in' WHERE id = $1", run)
    shown = member.get(page).text
    assert "Allow it at my server" in shown
    assert "It waits for you: please allow it at your server once more." in shown
    assert permit_again(instance, internet, member, run, "permit") == f"{page}?said=permitted"
    assert of_run(instance, run) == (6, "")


def test_a_paused_run_says_until_when_its_permission_is_kept_and_asks_for_another(
    instance: MemberInstance, internet: FakeInternet, member: Follower, hand: HandRun
) -> None:
    """Fault: a run that was paused and forgotten kept the permission to write to its account for ever."""
    run = start(instance, internet, member)
    hand.begin(run)
    hand.follow(run, [0])
    page = f"/account/runs/{run}"
    assert "we keep the permission of your server" not in member.get(page).text
    member.send(page, f"{page}/pause")
    assert "we keep the permission of your server" in member.get(page).text
    assert "Allow it at my server" not in member.get(page).text
    states = hand.states(run)

    async def give_back() -> None:
        now = instance.clock.now() + KEEP_PERMISSION + timedelta(minutes=1)
        await give_back_unused(instance.database, now, 1_000, lived=now)

    instance.call(give_back)
    assert tokens(instance, member) == 0
    shown = member.get(page).text
    assert "we keep the permission of your server" not in shown
    assert "Allow it at my server" in shown
    assert permit_again(instance, internet, member, run, "resume") == f"{page}?said=permitted"
    assert (of_run(instance, run), hand.states(run), tokens(instance, member)) == ((1, ""), states, 1)
