"""The page of a plan over HTTP: who is shown, ticked, left out and put into files."""

import csv
import io
import json
import re
import zipfile
from html import unescape

import pytest

from directory.follows.faces import Profile
from directory.follows.plan import target_of
from directory.follows.reasons import Reason
from directory.identifiers import XId
from directory.mappings import Network
from directory.queries import Lists, Query
from directory.store.faces import FaceStore
from tests.harness.mappings import mastodon
from tests.web.archives import following
from tests.web.members.follow_worlds import find, keep_list, show_faces
from tests.web.members.follows.pressing import PAIRS, PATH, Follower, member_of, press, tokens
from tests.web.members.instance import MemberInstance
from tests.web.members.visitors import SAME_ORIGIN, Visitor
from tests.web.members.worlds import fetch


def test_everybody_left_out_has_a_sentence(member: Follower) -> None:
    page = press(member, PAIRS + "9,blu,f\n", part="left-out").text
    assert "You blocked or muted them on X." in page
    assert "They are on the other network only." in page
    assert "We are not sure enough to choose them for you" in page


def test_what_was_not_read_of_an_archive_is_told_beside_the_plan(member: Follower) -> None:
    """A row that could not be read, and a file beside the list, were left out without a word."""
    rows = following(*map(str, range(1, 101))).replace('"100"', "null", 1)
    files = [("files", ("following.js", rows)), ("files", ("notes.txt", "x"))]
    form = {"form_token": member.form_token(PATH)}
    shown = unescape(member.client.post(PATH, data=form, files=files, headers=SAME_ORIGIN).text)
    assert "that could not be read, and were left out: 1." in shown
    assert "Not read, because no list of people was taken from there: notes.txt." in shown


def test_ticks_decide_and_are_kept_from_page_to_page(member: Follower) -> None:
    unticked = press(member, shown="1.m 2.m 3.m", tick="2.m")
    assert "1 person to follow" in unticked.text
    toggled = re.search(r'name="toggled" value="([^"]*)"', unticked.text)
    assert toggled is not None
    assert set(toggled[1].split()) == {"1.m", "3.m"}
    again = press(member, toggled=toggled[1])
    assert "1 person to follow" in again.text


def test_whoever_is_ignored_stays_so_until_restored(instance: MemberInstance, member: Follower) -> None:
    ann = str(mastodon("ann", 1).target_id)
    assert "2 people to follow" in press(member, ignore=ann).text
    left = press(member, part="left-out").text
    assert "Offer again" in left
    assert "3 people to follow" in press(member, restore=ann).text
    assert fetch(instance, "SELECT 1 FROM ignored_person") == []


def test_whoever_ignores_as_many_as_are_kept_is_told(
    instance: MemberInstance, member: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: nothing was said, and whom the member did not want was offered as before, ticked."""
    monkeypatch.setattr("directory.store.ignored_people.MAX_IGNORED", 1)
    ann, bob = (str(mastodon(name, number).target_id) for name, number in (("ann", 1), ("bob", 2)))
    assert press(member, ignore=ann).status_code == 200
    assert press(member, ignore=ann).status_code == 200, "they are ignored already"
    full = press(member, ignore=bob)
    assert full.status_code == 409
    assert "You have kept as many people out of your plans as we can remember" in full.text
    assert press(member, restore=ann).status_code == 200


def test_only_people_of_the_list_are_ignored(instance: MemberInstance, member: Follower) -> None:
    """Attack: a form has texts of its own stored as people who are ignored, or a text that no database takes."""
    for name in ("https://social.example/users/nobody", "x" * 2_000, "a\0b"):
        assert press(member, ignore=name).status_code == 200
        assert press(member, restore=name).status_code == 200
    assert fetch(instance, "SELECT 1 FROM ignored_person") == []


def test_whoever_is_known_to_be_gone_is_left_out(instance: MemberInstance, member: Follower) -> None:
    cat = target_of(mastodon("cat", 3))
    store = FaceStore(instance.database)
    gone = [Profile(cat, "Cat", reason=Reason.GONE)]
    instance.call(lambda: store.save_faces(Network.MASTODON, gone, instance.clock.now()))
    assert "2 people to follow" in press(member).text
    assert "This account is gone." in press(member, part="left-out").text
    fetch(instance, "DELETE FROM face")


def test_a_face_is_served_to_members_alone(instance: MemberInstance, member: Follower) -> None:
    """Attack: somebody asks whether a person was looked for here."""
    show_faces(instance, [mastodon("ann", 1)])
    page = press(member).text
    found = re.search(r'src="(/account/faces/[^"]+)"', page)
    assert found is not None
    picture = member.get(found[1])
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    assert picture.headers["x-content-type-options"] == "nosniff"
    assert picture.headers["cross-origin-resource-policy"] == "same-origin", (
        "another origin shows it to nobody"
    )
    assert "access-control-allow-origin" not in picture.headers
    assert member.get("/account/faces/another").status_code == 404
    with Visitor(instance) as stranger:
        assert stranger.get(found[1]).headers["location"] == "/sign-in"
    fetch(instance, "DELETE FROM face")


def test_the_other_direction(member: Follower) -> None:
    page = press(member, source="followers").text
    assert "1 person to follow" in page
    assert "eve@social.example" in page


def test_a_kept_list_and_its_newcomers(instance: MemberInstance, member: Follower) -> None:
    member.send("/account/list", "/account/list/consent", version="1")
    keep_list(instance, member_of(instance, member), [Query(XId(1), None, Lists.FOLLOWING)])
    assert "1 person to follow" in member.get(f"{PATH}?source=kept-list").text
    assert "Nobody to follow at the moment" in member.get(f"{PATH}?source=newcomers").text


def test_files_for_those_who_give_no_permission(member: Follower) -> None:
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


def test_many_follows_are_several_files(instance: MemberInstance, member: Follower) -> None:
    numbers = range(100_000, 107_600)
    find(instance, [mastodon(f"n{number}", number) for number in numbers])
    answer = press(member, "\n".join(f"{number},,f" for number in numbers), do="follows")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as files:
        rows = [len(files.read(name).splitlines()) - 1 for name in files.namelist()]
    assert rows == [7_500, 100]


def test_both_networks_are_estimated_before_anything_is_asked_for(
    instance: MemberInstance, member: Follower
) -> None:
    page = press(member, "1,ann,f\n2,bob,f\n9,blu,f\n").text
    assert "about 1 minute on Mastodon, or one import of a file" in page
    assert "Beside it: 1 person of your list is on Bluesky. That would take about 1 minute." in page
    assert "Beside it" not in press(member, "1,ann,f\n").text
    assert tokens(instance, member) == 0


@pytest.mark.parametrize("code", ["a%00b", "%C3%A9", "x" * 64])
def test_a_code_that_is_none_shows_no_face(member: Follower, code: str) -> None:
    """Attack: a code holds what no database takes, so that the page fails."""
    assert member.get(f"/account/faces/{code}").status_code == 404


def test_whoever_has_no_account_to_follow_with_reads_what_to_do(
    instance: MemberInstance, member: Follower
) -> None:
    fetch(instance, "UPDATE linked_account SET health = 3 WHERE handle = $1", member.acct)
    answer = press(member)
    assert answer.status_code == 409
    assert "link one on Bluesky or Mastodon" in answer.text


def test_whoever_is_not_signed_in_reads_what_becomes_of_the_list(instance: MemberInstance) -> None:
    """What happened: the sign-in page spoke of being found, and after it the list was gone without a word."""
    with Visitor(instance) as stranger:
        sent = stranger.client.post("/account/follow", data={"pairs": "7,ada,f"}, headers=SAME_ORIGIN)
        assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?to=follow")
        assert "choose your archive again" in stranger.get(sent.headers["location"]).text
        assert "choose your archive again" not in stranger.get("/sign-in").text
