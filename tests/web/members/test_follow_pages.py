"""Planning and watching runs over HTTP, without a browser: what is shown, stored, refused and never told."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from directory.follows.faces import Profile
from directory.follows.plan import target_of
from directory.follows.reasons import Reason
from directory.identifiers import XId
from directory.mappings import Network
from directory.queries import Lists, Query
from directory.store.faces import FaceStore
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.visitor import agree
from tests.harness.fake_x import FakeX
from tests.harness.mappings import bluesky, mastodon
from tests.web.archives import following, zip_bytes
from tests.web.members.follow_worlds import HandRun, find, keep_list, show_faces
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import SAME_ORIGIN, Visitor
from tests.web.members.worlds import client_of, enrol, fetch

PATH = "/account/follow"
PAIRS = "1,ann,f\n2,bob,f\n3,cat,f\n4,dan,fb\n5,eve,r\n"


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
) -> Iterator[Visitor]:
    with Visitor(instance) as visitor:
        acct = enrol(internet, request.node.name[5:30])
        visitor.sign_in_at_mastodon(internet, acct)
        visitor.acct = acct  # type: ignore[attr-defined]
        yield visitor


@pytest.fixture
def hand(instance: MemberInstance) -> HandRun:
    return HandRun(instance)


def press(visitor: Visitor, pairs: str = PAIRS, **fields: str) -> httpx.Response:
    """Presses a button of the plan."""
    given = {"form_token": visitor.form_token(PATH), "pairs": pairs, **fields}
    return visitor.client.post(PATH, data=given, headers=SAME_ORIGIN)


def member_of(instance: MemberInstance, visitor: Visitor) -> UUID:
    rows = fetch(instance, "SELECT member FROM linked_account WHERE handle = $1", visitor.acct)  # type: ignore[attr-defined]
    return UUID(str(rows[0]["member"]))


def tokens(instance: MemberInstance, visitor: Visitor) -> int:
    sql = "SELECT 1 FROM token t JOIN linked_account a ON a.id = t.account WHERE a.handle = $1"
    return len(fetch(instance, sql, visitor.acct))  # type: ignore[attr-defined]


def start(instance: MemberInstance, internet: FakeInternet, visitor: Visitor) -> UUID:
    """Starts a run, and permits it at the server; the run."""
    leaving = press(visitor, do="start")
    assert leaving.status_code == 200, leaving.text
    url = leaving.headers["refresh"].partition("url=")[2]
    back = agree(internet, url, visitor.acct)  # type: ignore[attr-defined]
    landed = visitor.get(back.removeprefix(instance.settings.base_url))
    assert landed.status_code == 303, landed.text
    found = re.fullmatch(r"/account/runs/([0-9a-f-]{36})\?said=permitted", landed.headers["location"])
    assert found, landed.headers["location"]
    return UUID(found[1])


def test_from_an_archive_to_a_run_with_its_permission(
    instance: MemberInstance, internet: FakeInternet, member: Visitor, hand: HandRun
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


def test_everybody_left_out_has_a_sentence(member: Visitor) -> None:
    page = press(member, PAIRS + "9,blu,f\n", part="left-out").text
    assert "You blocked or muted them on X." in page
    assert "They are on the other network only." in page
    assert "We are not sure enough to choose them for you" in page


def test_ticks_decide_and_are_kept_from_page_to_page(member: Visitor) -> None:
    unticked = press(member, shown="1.m 2.m 3.m", tick="2.m")
    assert "1 person to follow" in unticked.text
    toggled = re.search(r'name="toggled" value="([^"]*)"', unticked.text)
    assert toggled is not None
    assert set(toggled[1].split()) == {"1.m", "3.m"}
    again = press(member, toggled=toggled[1])
    assert "1 person to follow" in again.text


def test_whoever_is_ignored_stays_so_until_restored(instance: MemberInstance, member: Visitor) -> None:
    ann = str(mastodon("ann", 1).target_id)
    assert "2 people to follow" in press(member, ignore=ann).text
    left = press(member, part="left-out").text
    assert "Offer again" in left
    assert "3 people to follow" in press(member, restore=ann).text
    assert fetch(instance, "SELECT 1 FROM ignored_person") == []


def test_only_people_of_the_list_are_ignored(instance: MemberInstance, member: Visitor) -> None:
    """Attack: a form has texts of its own stored as people who are ignored, or a text that no database takes."""
    for name in ("https://social.example/users/nobody", "x" * 2_000, "a\0b"):
        assert press(member, ignore=name).status_code == 200
        assert press(member, restore=name).status_code == 200
    assert fetch(instance, "SELECT 1 FROM ignored_person") == []


def test_whoever_is_known_to_be_gone_is_left_out(instance: MemberInstance, member: Visitor) -> None:
    cat = target_of(mastodon("cat", 3))
    store = FaceStore(instance.database)
    gone = [Profile(cat, "Cat", reason=Reason.GONE)]
    instance.call(lambda: store.save_faces(Network.MASTODON, gone, instance.clock.now()))
    assert "2 people to follow" in press(member).text
    assert "This account is gone." in press(member, part="left-out").text
    fetch(instance, "DELETE FROM face")


def test_whoever_is_not_signed_in_reads_what_becomes_of_the_list(instance: MemberInstance) -> None:
    """What happened: the sign-in page spoke of being found, and after it the list was gone without a word."""
    with Visitor(instance) as stranger:
        sent = stranger.client.post("/account/follow", data={"pairs": "7,ada,f"}, headers=SAME_ORIGIN)
        assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?to=follow")
        assert "choose your archive again" in stranger.get(sent.headers["location"]).text
        assert "choose your archive again" not in stranger.get("/sign-in").text


def test_a_face_is_served_to_members_alone(instance: MemberInstance, member: Visitor) -> None:
    """Attack: somebody asks whether a person was looked for here."""
    show_faces(instance, [mastodon("ann", 1)])
    page = press(member).text
    found = re.search(r'src="(/account/faces/[^"]+)"', page)
    assert found is not None
    picture = member.get(found[1])
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    assert picture.headers["x-content-type-options"] == "nosniff"
    assert member.get("/account/faces/another").status_code == 404
    with Visitor(instance) as stranger:
        assert stranger.get(found[1]).headers["location"] == "/sign-in"
    fetch(instance, "DELETE FROM face")


def test_the_other_direction(member: Visitor) -> None:
    page = press(member, source="followers").text
    assert "1 person to follow" in page
    assert "eve@social.example" in page


def test_a_kept_list_and_its_newcomers(instance: MemberInstance, member: Visitor) -> None:
    member.send("/account/list", "/account/list/consent", version="1")
    keep_list(instance, member_of(instance, member), [Query(XId(1), None, Lists.FOLLOWING)])
    assert "1 person to follow" in member.get(f"{PATH}?source=kept-list").text
    assert "Nobody to follow at the moment" in member.get(f"{PATH}?source=newcomers").text


def test_files_for_those_who_give_no_permission(member: Visitor) -> None:
    follows = press(member, do="follows")
    assert follows.headers["content-disposition"] == 'attachment; filename="passerelle-follows.csv"'
    assert [row[0] for row in csv.reader(io.StringIO(follows.text))] == [
        "Account address", "ann@social.example", "bob@social.example", "cat@social.example",
    ]  # fmt: skip
    assert press(member, do="blocks").text == "Account address\ndan@social.example\n"
    assert press(member, do="mutes").text == "Account address,Hide notifications\n"
    accounts = json.loads(press(member, do="json").text)
    assert [each["x_id"] for each in accounts] == ["1", "2", "3"]
    assert "https://social.example/users/ann" in press(member, do="links").text


def test_many_follows_are_several_files(instance: MemberInstance, member: Visitor) -> None:
    numbers = range(100_000, 107_600)
    find(instance, [mastodon(f"n{number}", number) for number in numbers])
    answer = press(member, "\n".join(f"{number},,f" for number in numbers), do="follows")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as files:
        rows = [len(files.read(name).splitlines()) - 1 for name in files.namelist()]
    assert rows == [7_500, 100]


def test_a_run_is_paused_resumed_and_undone_and_says_so(
    instance: MemberInstance, internet: FakeInternet, member: Visitor, hand: HandRun
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
    instance: MemberInstance, internet: FakeInternet, member: Visitor, hand: HandRun
) -> None:
    """Two browsers start the same run."""
    run = start(instance, internet, member)
    again = press(member, do="start")
    assert again.headers["location"] == f"/account/runs/{run}?said=run-open"
    assert hand.count(member_of(instance, member)) == 1
    assert "is under way" in press(member).text


def test_a_run_may_start_on_a_day(instance: MemberInstance, internet: FakeInternet, member: Visitor) -> None:
    day = (instance.clock.now() + timedelta(days=30)).date()
    far = press(member, do="start", starts_on=str(day + timedelta(days=800)))
    assert "within a year" in far.text
    assert press(member, do="start", starts_on=str(day)).status_code == 200
    (row,) = fetch(
        instance, "SELECT starts_at FROM follow_run WHERE member = $1", member_of(instance, member)
    )
    assert row["starts_at"].date() == day


def test_a_permission_that_was_refused_keeps_the_plan(
    instance: MemberInstance, internet: FakeInternet, member: Visitor, hand: HandRun
) -> None:
    leaving = press(member, do="start")
    url = leaving.headers["refresh"].partition("url=")[2]
    back = agree(internet, url, member.acct, deny=True)  # type: ignore[attr-defined]
    landed = member.get(back.removeprefix(instance.settings.base_url))
    run = hand.only(member_of(instance, member))
    assert landed.headers["location"] == f"/account/runs/{run}?said=not-permitted"
    page = member.get(landed.headers["location"]).text
    assert "Allow it at my server" in page
    asked = member.send(f"/account/runs/{run}", f"/account/runs/{run}/permit")
    assert "refresh" in asked.headers


def test_another_account_gives_no_permission(
    instance: MemberInstance, internet: FakeInternet, member: Visitor, hand: HandRun
) -> None:
    """Attack: somebody else signs in at the server, so that a member's run would follow with their account."""
    other = enrol(internet, "somebodyelse")
    leaving = press(member, do="start")
    back = agree(internet, leaving.headers["refresh"].partition("url=")[2], other)
    landed = member.get(back.removeprefix(instance.settings.base_url))
    run = hand.only(member_of(instance, member))
    assert landed.headers["location"] == f"/account/runs/{run}?said=not-permitted"
    assert tokens(instance, member) == 0


def test_a_run_of_somebody_else_is_not_there(
    instance: MemberInstance, internet: FakeInternet, member: Visitor, eve: Visitor, hand: HandRun
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
    instance: MemberInstance, member: Visitor, hand: HandRun
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
    instance: MemberInstance, internet: FakeInternet, member: Visitor, hand: HandRun
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


def test_newcomers_are_followed_announced_or_neither(
    instance: MemberInstance, internet: FakeInternet, member: Visitor
) -> None:
    member.send("/account/list", "/account/list/consent", version="1")
    who = member_of(instance, member)
    keep_list(instance, who, [Query(XId(1), None, Lists.FOLLOWING)])
    page = member.get("/account/list").text
    assert "follow newcomers for me with" in page
    (account,) = fetch(instance, "SELECT id FROM linked_account WHERE member = $1", who)

    leaving = member.send("/account/list", "/account/list/newcomers", newcomers=str(account["id"]))
    back = agree(internet, leaving.headers["refresh"].partition("url=")[2], member.acct)  # type: ignore[attr-defined]
    landed = member.get(back.removeprefix(instance.settings.base_url))
    assert landed.headers["location"] == "/account/list?said=permitted"
    assert "we follow newcomers for you" in member.get(landed.headers["location"]).text
    assert tokens(instance, member) == 1

    told = member.send("/account/list", "/account/list/newcomers", newcomers="tell", version="1")
    assert "only tell you" in member.get(told.headers["location"]).text
    assert fetch(instance, "SELECT 1 FROM standing_match WHERE member = $1", who) == []
    assert tokens(instance, member) == 0


def test_nobody_follows_newcomers_with_the_account_of_another(
    instance: MemberInstance, internet: FakeInternet, member: Visitor, eve: Visitor
) -> None:
    """Attack: a member has newcomers followed with the account of somebody else."""
    (account,) = fetch(
        instance, "SELECT id FROM linked_account WHERE member = $1", member_of(instance, member)
    )
    eve.sign_in_at_mastodon(internet, enrol(internet, "evefollows"))
    assert eve.send("/account", "/account/list/newcomers", newcomers=str(account["id"])).status_code == 409
    assert fetch(instance, "SELECT 1 FROM standing_match WHERE account = $1", account["id"]) == []


def test_a_permission_that_nothing_needs_any_more_is_not_kept(
    instance: MemberInstance, internet: FakeInternet, member: Visitor, hand: HandRun
) -> None:
    """The run was ended in another window while the person was at their server."""
    leaving = press(member, do="start")
    run = hand.only(member_of(instance, member))
    member.send(f"/account/runs/{run}", f"/account/runs/{run}/cancel")
    back = agree(internet, leaving.headers["refresh"].partition("url=")[2], member.acct)  # type: ignore[attr-defined]
    member.get(back.removeprefix(instance.settings.base_url))
    assert tokens(instance, member) == 0


def test_nothing_is_started_while_the_instance_is_read_only(
    instance: MemberInstance, internet: FakeInternet, member: Visitor, hand: HandRun
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


def test_both_networks_are_estimated_before_anything_is_asked_for(
    instance: MemberInstance, member: Visitor
) -> None:
    page = press(member, "1,ann,f\n2,bob,f\n9,blu,f\n").text
    assert "about 1 minute on Mastodon, or one import of a file" in page
    assert "Beside it: 1 person of your list is on Bluesky. That would take about 1 minute." in page
    assert "Beside it" not in press(member, "1,ann,f\n").text
    assert tokens(instance, member) == 0


def test_the_day_on_which_all_runs_begin_is_told(instance: MemberInstance, member: Visitor) -> None:
    today = instance.clock.now().date()
    try:
        instance.set("follows_from", str(today + timedelta(days=9)))
        assert "yours waits for that day" in press(member).text
        instance.set("follows_from", str(today))
        assert "yours waits for that day" not in press(member).text
    finally:
        instance.set("follows_from", None)
