"""The pages of runs over HTTP: what can be done with one, and what nobody else is told or can do."""

from datetime import timedelta
from uuid import uuid4

from directory.follows.reasons import Reason
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.mappings import mastodon
from tests.web.members.follow_worlds import HandRun
from tests.web.members.follows.pressing import PAIRS, PATH, Follower, member_of, press, start
from tests.web.members.instance import MemberInstance
from tests.web.members.visitors import SAME_ORIGIN, Visitor
from tests.web.members.worlds import enrol, fetch


def test_a_run_is_paused_resumed_and_undone_and_says_so(
    instance: MemberInstance, internet: FakeInternet, member: Follower, hand: HandRun
) -> None:
    run = start(instance, internet, member)
    hand.begin(run)
    hand.follow(run, [0, 1])
    hand.fail(run, [2], Reason.NOT_FOUND)
    page = f"/account/runs/{run}"
    assert "Your server does not find this account" in member.get(page).text
    for act, sentence in (
        ("pause", "Paused."),
        ("resume", "It goes on."),
        ("retry", "tried once more"),
        ("undo", "being taken back"),
    ):
        answer = member.send(page, f"{page}/{act}")
        assert answer.headers["location"] == f"{page}?said={act}"
        assert sentence in member.get(answer.headers["location"]).text
    hand.finish_undo(run)
    assert "was taken back" in member.get(page).text
    assert member.send("/account", f"{page}/pause").headers["location"] == f"{page}?said=not-now"


def test_a_second_run_of_an_account_leads_to_the_first(
    instance: MemberInstance, internet: FakeInternet, member: Follower, hand: HandRun
) -> None:
    """Two browsers start the same run."""
    run = start(instance, internet, member)
    again = press(member, do="start")
    assert again.headers["location"] == f"/account/runs/{run}?said=run-open"
    assert hand.count(member_of(instance, member)) == 1
    assert "is under way" in press(member).text


def test_a_run_may_start_on_a_day(instance: MemberInstance, internet: FakeInternet, member: Follower) -> None:
    day = (instance.clock.now() + timedelta(days=30)).date()
    far = press(member, do="start", starts_on=str(day + timedelta(days=800)))
    assert "within a year" in far.text
    assert press(member, do="start", starts_on=str(day)).status_code == 200
    (row,) = fetch(
        instance, "SELECT starts_at FROM follow_run WHERE member = $1", member_of(instance, member)
    )
    assert row["starts_at"].date() == day
    listed = member.get("/account/runs").text
    assert "It has not begun yet." in listed
    assert "Begun on" not in listed


def test_a_run_of_somebody_else_is_not_there(
    instance: MemberInstance, internet: FakeInternet, member: Follower, eve: Visitor, hand: HandRun
) -> None:
    """Attack: a member asks for the run of another, looks at its people, or has it undone."""
    run = start(instance, internet, member)
    hand.begin(run)
    hand.follow(run, [0])
    eve.sign_in_at_mastodon(internet, enrol(internet, "evewatches"))
    page = f"/account/runs/{run}"
    for path in (page, f"{page}/news", f"{page}/picture.svg", f"/account/runs/{uuid4()}"):
        assert eve.get(path).status_code == 404
    for act in ("pause", "undo", "cancel", "permit"):
        assert eve.send("/account", f"{page}/{act}").status_code == 404
    assert hand.states(run)[0].label == "followed"
    with Visitor(instance) as stranger:
        assert stranger.get(page).headers["location"] == "/sign-in"


def test_another_site_starts_and_ignores_nothing(
    instance: MemberInstance, member: Follower, hand: HandRun
) -> None:
    """Attack: a page elsewhere sends the form of a plan from the browser of a member."""
    ann = str(mastodon("ann", 1).target_id)
    for fields in ({"do": "start"}, {"ignore": ann}, {"restore": ann}):
        sent = {"pairs": PAIRS, **fields}
        assert member.client.post(PATH, data=sent, headers=SAME_ORIGIN).status_code == 403
        signed = sent | {"form_token": member.form_token(PATH)}
        assert (
            member.client.post(PATH, data=signed, headers={"sec-fetch-site": "cross-site"}).status_code == 403
        )
    assert hand.count(member_of(instance, member)) == 0


def test_the_picture_holds_a_number_and_nobody(
    instance: MemberInstance, internet: FakeInternet, member: Follower, hand: HandRun
) -> None:
    run = start(instance, internet, member)
    hand.begin(run)
    hand.follow(run, [0, 1, 2])
    path = f"/account/runs/{run}/picture.svg"
    assert member.get(path).status_code == 404
    hand.finish(run)
    picture = member.get(path)
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert picture.headers["x-content-type-options"] == "nosniff"
    assert ">3<" in picture.text
    assert "social" not in picture.text


def test_nothing_is_started_while_the_instance_is_read_only(
    instance: MemberInstance, internet: FakeInternet, member: Follower, hand: HandRun
) -> None:
    """Showing a plan, pausing and undoing go on; whatever follows somebody does not."""
    run = start(instance, internet, member)
    hand.begin(run)
    page = f"/account/runs/{run}"
    member.send(page, f"{page}/pause")
    instance.set("read_only", "true")
    try:
        assert press(member).status_code == 200
        assert press(member, do="start").status_code == 503
        assert member.send(page, f"{page}/resume").status_code == 503
        assert member.send(page, f"{page}/cancel").status_code == 303
    finally:
        instance.set("read_only", None)


def test_the_day_on_which_all_runs_begin_is_told(instance: MemberInstance, member: Follower) -> None:
    today = instance.clock.now().date()
    try:
        instance.set("follows_from", str(today + timedelta(days=9)))
        assert "yours waits for that day" in press(member).text
        instance.set("follows_from", str(today))
        assert "yours waits for that day" not in press(member).text
    finally:
        instance.set("follows_from", None)


def news_of(member: Follower, page: str, **headers: str) -> tuple[int, str]:
    """Reads a stream of news to its end."""
    with member.client.stream("GET", f"{page}/news", headers=headers) as stream:
        return stream.status_code, "".join(stream.iter_text())


def test_the_news_of_a_run_that_is_over_end(
    instance: MemberInstance, internet: FakeInternet, member: Follower, hand: HandRun
) -> None:
    """Attack: pages of runs that ended stay open, and hold the places for news of those that go on."""
    run = start(instance, internet, member)
    page = f"/account/runs/{run}"
    member.send(page, f"{page}/cancel")
    status, news = news_of(member, page)
    assert status == 200
    assert {line for line in news.splitlines() if line.startswith("event: ")} == {
        "event: progress", "event: acts", "event: people",
    }  # fmt: skip
    last = {line.removeprefix("id: ") for line in news.splitlines() if line.startswith("id: ")}
    assert len(last) == 1
    status, news = news_of(member, page, **{"last-event-id": last.pop()})
    assert (status, news) == (204, ""), "a browser does not come back"


def test_the_news_end_when_the_member_leaves(
    instance: MemberInstance, internet: FakeInternet, member: Follower
) -> None:
    """Attack: a stream that was opened before goes on telling of a member who is erased."""
    page = f"/account/runs/{start(instance, internet, member)}"
    with member.client.stream("GET", f"{page}/news") as stream:
        news = stream.iter_text()
        assert "event: progress" in next(news)
        instance.call(lambda: instance.members.leaving.erase(member_of(instance, member)))
        assert "event: " not in "".join(news).partition("event: people")[2]
    assert member.get(page).headers["location"] == "/sign-in"


def test_where_somebody_moved_is_a_link(
    instance: MemberInstance, internet: FakeInternet, member: Follower, hand: HandRun
) -> None:
    run = start(instance, internet, member)
    hand.begin(run)
    hand.fail(run, [0], Reason.MOVED)
    there = "https://new.example/users/ann"
    sql = (
        "UPDATE follow_item SET moved_id = $2, moved_handle = 'ann@new.example' WHERE run = $1 AND number = 0"
    )
    fetch(instance, sql, run, there)
    page = member.get(f"/account/runs/{run}").text
    assert "This account says that it has moved." in page
    assert "The new account: ann@new.example" in page
    assert f'href="{there}"' in page
