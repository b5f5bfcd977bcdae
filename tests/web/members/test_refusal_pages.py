"""Blocks and mutes of an archive: shown apart, never by default, started by a button of their own."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest

from directory.follows.reasons import Reason
from directory.follows.runs import RunKind
from directory.follows.states import ItemMove
from directory.networks.mastodon.entities import Relationship
from directory.networks.mastodon.verdicts import before_act
from directory.networks.port import Purpose
from directory.store.purposes import purpose_code
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.visitor import agree
from tests.harness.fake_x import FakeX
from tests.harness.mappings import OTHER_ORIGIN, bluesky, mastodon
from tests.web.members.follow_worlds import HandRun, find
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import SAME_ORIGIN, Visitor
from tests.web.members.worlds import client_of, enrol, fetch

PATH = "/account/follow"
PAIRS = "1,ann,f\n2,bob,b\n3,cat,fb\n4,dan,m\n5,eve,b\n6,fay,b\n"
EXPECTED = {
    "block": (RunKind.BLOCK, ["bob@social.example", "cat@social.example"]),
    "mute": (RunKind.MUTE, ["dan@social.example"]),
}


@pytest.fixture
def instance(dsn: str, data: Path, internet: FakeInternet, x: FakeX) -> Iterator[MemberInstance]:
    with member_instance(
        dsn, data, x=x, open_client=client_of(internet), jobs=False, log="by hand"
    ) as running:
        names = ("ann", "bob", "cat", "dan")
        find(running, [mastodon(name, number) for number, name in enumerate(names, 1)])
        find(running, [mastodon("eve", 5), bluesky("fay", 6)])
        find(running, [mastodon("eve", 5, target="rival", origin=OTHER_ORIGIN)])
        yield running


@pytest.fixture
def acct(internet: FakeInternet, request: pytest.FixtureRequest) -> str:
    return enrol(internet, request.node.name[5:30])


@pytest.fixture
def member(instance: MemberInstance, internet: FakeInternet, acct: str) -> Iterator[Visitor]:
    with Visitor(instance) as visitor:
        visitor.sign_in_at_mastodon(internet, acct)
        yield visitor


def press(visitor: Visitor, pairs: str = PAIRS, **fields: str) -> httpx.Response:
    given = {"form_token": visitor.form_token(PATH), "pairs": pairs, **fields}
    return visitor.client.post(PATH, data=given, headers=SAME_ORIGIN)


def run_of(instance: MemberInstance) -> tuple[RunKind, list[str]]:
    """The kind of the one run, and its people."""
    (run,) = fetch(instance, "SELECT kind FROM follow_run")
    people = fetch(instance, "SELECT target_handle FROM follow_item ORDER BY target_handle")
    return RunKind(run["kind"]), [str(row["target_handle"]) for row in people]


def test_they_are_offered_apart_and_only_where_there_are_any(member: Visitor) -> None:
    page = press(member).text
    assert "Also move whom you blocked or muted on X" in page
    assert "Block 2 people for me" in page, "not who is disputed, or on the other network"
    assert "Mute 1 person for me" in page
    assert "Also move whom" not in press(member, "1,ann,f\n").text


def test_a_run_that_follows_holds_none_of_them(instance: MemberInstance, member: Visitor) -> None:
    press(member, do="start")
    assert run_of(instance) == (RunKind.FOLLOW, ["ann@social.example"])


@pytest.mark.parametrize("button", list(EXPECTED))
def test_a_run_of_its_own_with_a_permission_of_its_own(
    instance: MemberInstance, internet: FakeInternet, member: Visitor, acct: str, button: str
) -> None:
    leaving = press(member, do=button)
    url = leaving.headers["refresh"].partition("url=")[2]
    (scope,) = parse_qs(urlsplit(url).query)["scope"]
    assert {"write:blocks", "write:mutes"} <= set(scope.split())
    assert run_of(instance) == EXPECTED[button]

    back = agree(internet, url, acct)
    landed = member.get(back.removeprefix(instance.settings.base_url))
    assert re.fullmatch(r"/account/runs/[0-9a-f-]{36}\?said=permitted", landed.headers["location"])
    kept = fetch(instance, "SELECT purpose FROM token")
    assert [row["purpose"] for row in kept] == [purpose_code(Purpose.ARRANGE)]
    page = member.get(landed.headers["location"]).text
    assert "your server lets us do this for you" in page
    assert "Allow it at my server" not in page


def block_the_first(instance: MemberInstance, member: Visitor) -> tuple[HandRun, UUID]:
    """Starts to block for the member, and blocks the first of the list."""
    press(member, do="block")
    (row,) = fetch(instance, "SELECT id FROM follow_run")
    hand, run = HandRun(instance), row["id"]
    hand.begin(run)
    hand.follow(run, [0])
    return hand, run


def test_a_block_is_called_one(
    instance: MemberInstance, internet: FakeInternet, member: Visitor, acct: str
) -> None:
    hand, run = block_the_first(instance, member)
    hand.move(run, ItemMove.FIND, [1], Reason.ALREADY_FOLLOWED)
    hand.finish(run)
    page = member.get(f"/account/runs/{run}").text
    assert "Blocking for you" in page
    assert "Blocked" in page
    assert "Blocked before" in page
    assert "That was so before." in page
    assert "You follow them already" not in page
    assert "Followed" not in page
    assert "picture" not in page
    assert member.get(f"/account/runs/{run}/picture.svg").status_code == 404
    assert "Blocking for you" in member.get("/account/runs").text


def test_whom_the_member_follows_is_not_called_blocked_before(
    instance: MemberInstance, internet: FakeInternet, member: Visitor, acct: str
) -> None:
    """Fault: a person whom a block would have unfollowed stood there with "That was so before.", as if they were blocked."""
    hand, run = block_the_first(instance, member)
    outcome = before_act(RunKind.BLOCK, 1, "9", Relationship("9", following=True))
    assert outcome is not None
    hand.move(run, ItemMove.SKIP, [1], outcome.reason)
    hand.finish(run)
    page = member.get(f"/account/runs/{run}").text
    assert "That was so before." not in page
    assert page.count("You follow them already.") == 2, "beside the person, and among the reasons"


def test_another_site_blocks_nobody(instance: MemberInstance, member: Visitor) -> None:
    """Attack: a page elsewhere sends the form from the browser of a member."""
    for button in ("block", "mute"):
        sent = {"pairs": PAIRS, "do": button}
        assert member.client.post(PATH, data=sent, headers=SAME_ORIGIN).status_code == 403
    assert fetch(instance, "SELECT 1 FROM follow_run") == []


def test_nobody_to_block_is_a_sentence(instance: MemberInstance, member: Visitor) -> None:
    answer = press(member, "5,eve,b\n", do="block")
    assert "Nobody is chosen" in answer.text
    assert fetch(instance, "SELECT 1 FROM follow_run") == []
