"""People on the other network only: the copy that a bridge keeps is offered, ticked one by one, and looked at again."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from directory.follows.bridges import ON_FEDIVERSE
from directory.follows.faces import Profile
from directory.follows.plan import target_of
from directory.follows.reasons import Reason
from directory.mappings import Network
from directory.store.faces import FaceStore
from tests.harness.fake_bridge import Bridge
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_x import FakeX
from tests.harness.mappings import bluesky, did, mastodon
from tests.web.members.follow_worlds import find, show_faces
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import SAME_ORIGIN, Visitor
from tests.web.members.worlds import client_of, enrol, fetch

PATH = "/account/follow"
PAIRS = "1,ann,f\n9,blu,f\n10,cyd,f\n"
BLU, CYD = str(did("blu")), str(did("cyd"))
COPY = f"blu.bsky.example@{ON_FEDIVERSE}"


@pytest.fixture
def bridge(internet: FakeInternet) -> Iterator[Bridge]:
    kept = Bridge()
    kept.keeps["blu.bsky.example"] = BLU
    internet.sites[ON_FEDIVERSE] = kept.answer
    yield kept
    del internet.sites[ON_FEDIVERSE]


@pytest.fixture
def instance(dsn: str, data: Path, internet: FakeInternet, x: FakeX) -> Iterator[MemberInstance]:
    with member_instance(
        dsn, data, x=x, open_client=client_of(internet), jobs=False, log="by hand"
    ) as running:
        find(running, [mastodon("ann", 1), bluesky("blu", 9), bluesky("cyd", 10)])
        yield running


@pytest.fixture
def member(
    instance: MemberInstance, internet: FakeInternet, bridge: Bridge, request: pytest.FixtureRequest
) -> Iterator[Visitor]:
    with Visitor(instance) as visitor:
        visitor.sign_in_at_mastodon(internet, enrol(internet, request.node.name[5:30]))
        yield visitor


def press(visitor: Visitor, **fields: str) -> httpx.Response:
    given = {"form_token": visitor.form_token(PATH), "pairs": PAIRS, **fields}
    return visitor.client.post(PATH, data=given, headers=SAME_ORIGIN)


def followed(instance: MemberInstance) -> list[tuple[str, str, bool]]:
    """Whom runs mean to follow: the address, whose bridge it is, and whether it was ticked."""
    rows = fetch(instance, "SELECT target_handle, bridge_of, is_ticked FROM follow_item ORDER BY number")
    return [(str(row["target_handle"]), str(row["bridge_of"]), bool(row["is_ticked"])) for row in rows]


def test_a_bridged_account_is_offered_marked_and_unticked(member: Visitor) -> None:
    page = press(member, part="left-out").text
    assert COPY in page
    assert "A bridge copies what they write to your network" in page
    box = re.search(r'<input type="checkbox"\s+name="bridge"\s+value="([^"]+)"\s*(checked)?', page)
    assert box is not None
    assert (box[1], box[2]) == (BLU, None)
    assert f'value="{CYD}"' not in page, "the bridge keeps no copy of this one"


def test_a_person_is_recognised_beside_their_copy(instance: MemberInstance, member: Visitor) -> None:
    """The copy looks as its person does: name, description and picture are those of the account that was proven."""
    show_faces(instance, [bluesky("blu", 9)])
    page = press(member, part="left-out").extensions["sent"]
    assert '<span class="face-name"><bdi>Friend blu</bdi></span>' in page
    assert "Birds, bread and bicycles." in page
    (picture,) = re.findall(r'src="(/account/faces/[^"]+)"', page)
    assert member.get(picture).headers["content-type"] == "image/png"


def test_a_copy_of_who_is_said_to_pretend_is_not_offered(instance: MemberInstance, member: Visitor) -> None:
    """Attack: the moderators of one network took an account down, and its copy was offered on the other."""
    profile = Profile(target_of(bluesky("blu", 9)), "Blu", reason=Reason.LABELLED)
    store = FaceStore(instance.database)
    instance.call(lambda: store.save_faces(Network.BLUESKY, [profile], instance.clock.now()))
    page = press(member, part="left-out", bridges=BLU).text
    assert "pretends to be somebody" in page
    assert COPY not in page
    press(member, do="start", bridges=BLU)
    assert [address for address, _, _ in followed(instance)] == ["ann@social.example"]


def test_the_bridge_is_asked_for_people_of_the_page_alone(member: Visitor, internet: FakeInternet) -> None:
    before = len(internet.asked(ON_FEDIVERSE))
    press(member)
    assert len(internet.asked(ON_FEDIVERSE)) == before
    press(member, part="left-out")
    press(member, part="left-out")
    assert len(internet.asked(ON_FEDIVERSE)) == before + 2, "each once, also the one who has none"


def test_a_tick_is_kept_from_page_to_page_and_taken_back(member: Visitor) -> None:
    page = press(member, part="left-out", bridges_shown=BLU, bridge=BLU).text
    assert "2 people to follow" in page
    assert f'name="bridges" value="{BLU}"' in page
    assert "2 people to follow" in press(member, bridges=BLU).text
    assert "1 person to follow" in press(member, bridges=BLU, bridges_shown=BLU).text


def test_a_ticked_one_is_looked_at_again_and_planned(instance: MemberInstance, member: Visitor) -> None:
    assert press(member, do="start", bridges=BLU).status_code == 200
    assert followed(instance) == [("ann@social.example", "", False), (COPY, BLU, True)]


def test_nothing_but_a_tick_chooses_a_bridged_account(instance: MemberInstance, member: Visitor) -> None:
    """Attack: "all" of another form, or the tick of the account at Bluesky, has the copy followed."""
    press(member, part="left-out")
    press(member, do="all", tick="9.b", shown="9.b", toggled="9.b")
    press(member, do="start", tick="9.b", shown="1.m 9.b", toggled="9.b 9.m")
    assert all(not bridge for _, bridge, _ in followed(instance))


@pytest.mark.parametrize(
    "forged", [CYD, str(did("mallory")), f"https://{ON_FEDIVERSE}/ap/{CYD}", "x" * 4_000]
)
def test_forged_ticks_follow_nobody(instance: MemberInstance, member: Visitor, forged: str) -> None:
    """Attack: a form ticks the copy of somebody whom the bridge does not keep, or who is on no list."""
    press(member, do="start", bridge=forged)
    assert [address for address, _, _ in followed(instance)] in ([], ["ann@social.example"])


def test_who_left_the_bridge_since_the_page_was_shown(
    instance: MemberInstance, member: Visitor, bridge: Bridge
) -> None:
    """Attack: the page was right, and the name at the bridge is somebody else's now. Nothing starts unsaid."""
    assert COPY in press(member, part="left-out").text
    bridge.keeps["blu.bsky.example"] = str(did("mallory"))
    page = press(member, do="start", bridges=BLU).text
    assert "The bridge does not show all of the copies you ticked" in page
    assert 'name="bridges" value=""' in page
    assert followed(instance) == []
    press(member, do="start")
    assert [address for address, _, _ in followed(instance)] == ["ann@social.example"]


def test_a_bridge_that_names_somebody_else_is_not_offered(member: Visitor, bridge: Bridge) -> None:
    bridge.keeps["blu.bsky.example"] = CYD
    assert COPY not in press(member, part="left-out").text


def test_a_bridge_that_is_away_leaves_the_page_as_it_is(
    instance: MemberInstance, member: Visitor, bridge: Bridge
) -> None:
    bridge.status = 503
    page = press(member, part="left-out")
    assert page.status_code == 200
    assert COPY not in page.text
    assert "They are on the other network only." in page.text
    assert "nothing was done yet" in press(member, do="start", bridges=BLU).text
    assert followed(instance) == []


def test_files_hold_the_copies_that_were_ticked(member: Visitor) -> None:
    assert COPY in press(member, do="follows", bridges=BLU).text
    assert COPY not in press(member, do="follows").text
