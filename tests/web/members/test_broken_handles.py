"""A Bluesky handle that leads nowhere any more, or to somebody else: its member signs in by the DID, can leave and end
everything, and nothing begins."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import pytest

from directory.accounts import BlueskyAccount
from directory.follows.runs import Plan, Wanted
from directory.identifiers import AtHandle, Did
from directory.networks.bluesky.client import SCOPES
from directory.networks.port import Purpose
from directory.queries import Query
from tests.harness.fake_plc import FakePlc
from tests.harness.fake_x import FakeX
from tests.harness.mappings import did
from tests.peers.consent import consent
from tests.peers.pds import Account, Pds
from tests.web.members.follow_worlds import HandRun
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import Visitor
from tests.web.members.worlds import fetch

NOWHERE, ELSEWHERE = "nowhere", "elsewhere"
STRANGER = str(did("stranger"))
CALLBACK = "/oauth/bluesky/callback"


class Names:
    """Where handles lead; each account's document goes on claiming the one it was made with. `pds` is where the accounts
    are, `x` where names on X are proven."""

    def __init__(self, plc: FakePlc, pds: Pds, x: FakeX) -> None:
        self.url = plc.url
        self.pds = pds
        self.x = x
        self._plc = plc

    def set(self, account: Account) -> Account:
        self._add(STRANGER, "stranger.example")
        self._add(account.did, account.handle)
        return account

    def break_of(self, account: Account, how: str) -> None:
        """Has the handle of an account lead nowhere, or to a stranger."""
        self._add(account.did, f"gone{uuid4().hex[:8]}.example")
        if how == ELSEWHERE:
            self._add(STRANGER, account.handle)

    def _add(self, did: str, handle: str) -> None:
        self._plc.add(BlueskyAccount(Did.parse(did), AtHandle.parse(handle)))


@pytest.fixture(scope="module")
def names(pds: Pds, x: FakeX) -> Iterator[Names]:
    with FakePlc() as plc:
        yield Names(plc, pds, x)


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, names: Names) -> Iterator[MemberInstance]:
    with member_instance(
        module_dsn, data, pds=names.pds, x=names.x, jobs=False, handle_resolver=names.url
    ) as running:
        yield running


@pytest.fixture
def alice(pds: Pds, names: Names) -> Account:
    return names.set(pds.create_account())


def come_by(
    visitor: Visitor, pds: Pds, account: Account, typed: str, page: str = "/sign-in"
) -> httpx.Response:
    """Types something, agrees at the server, and comes back."""
    back = consent(pds, visitor.leave_for(typed, page), account, "atproto")
    return visitor.get(f"{CALLBACK}?{urlencode(back)}")


def sign_out(visitor: Visitor) -> None:
    visitor.send("/account", "/account/sign-out", where="here")


def answers(visitor: Visitor, name: str) -> list[dict[str, object]]:
    return list(visitor.get(f"/api/v1/lookup?x={name}").json()["answers"])


def row(instance: MemberInstance, account: Account) -> dict[str, object]:
    sql = "SELECT id, member, handle, health, checked_at FROM linked_account WHERE account_id = $1"
    (found,) = fetch(instance, sql, account.did)
    return dict(found)


@pytest.mark.parametrize(
    ("how", "typed"), [(NOWHERE, "did"), (ELSEWHERE, "did"), (NOWHERE, "page"), (ELSEWHERE, "server")]
)
def test_a_member_signs_in_by_the_did_and_leaves(
    visitor: Visitor, names: Names, alice: Account, how: str, typed: str
) -> None:
    """Fault: whoever lost their domain could not sign in, and so neither withdraw what is public nor leave, for ever."""
    name, pds = f"b{how}{typed}", names.pds
    visitor.sign_in(pds, alice)
    visitor.prove(names.x, names.x.account(name))
    visitor.publish()
    before = row(visitor.instance, alice)
    sign_out(visitor)
    names.break_of(alice, how)
    refused = visitor.send("/sign-in", "/sign-in", account=alice.handle)
    assert refused.status_code == 400
    assert "Write your DID" in refused.text
    written = {"did": alice.did, "page": f"https://bsky.app/profile/{alice.did}", "server": pds.url}
    landed = come_by(visitor, pds, alice, written[typed])
    assert (landed.status_code, landed.headers["location"]) == (303, "/account")
    after = row(visitor.instance, alice)
    assert (after["handle"], after["checked_at"]) == (before["handle"], before["checked_at"]), (
        "nothing is proven anew"
    )
    said = answers(visitor, name)
    assert [each["id"] for each in said] == [alice.did]
    stored = fetch(visitor.instance, "SELECT is_contested FROM mapping WHERE target_id = $1", alice.did)
    assert {each["is_contested"] for each in stored} == {how == ELSEWHERE}, "as a re-check leaves it"
    assert "You have left" in visitor.send("/account/leave", "/account/leave", sure="yes").text
    assert answers(visitor, name) == []
    assert fetch(visitor.instance, "SELECT 1 FROM member WHERE id = $1", before["member"]) == []


@pytest.mark.parametrize("how", [NOWHERE, ELSEWHERE])
def test_nobody_becomes_a_member_without_a_handle(
    visitor: Visitor, pds: Pds, names: Names, alice: Account, how: str
) -> None:
    """Attack: a document claims somebody else's handle. As a member, its owner would be published under that name."""
    names.break_of(alice, how)
    refused = come_by(visitor, pds, alice, alice.did)
    assert refused.status_code == 400
    assert fetch(visitor.instance, "SELECT 1 FROM linked_account WHERE account_id = $1", alice.did) == []
    assert visitor.get("/account").headers["location"] == "/sign-in"


def test_nothing_is_linked_without_a_handle(visitor: Visitor, pds: Pds, names: Names, alice: Account) -> None:
    other = names.set(pds.create_account())
    visitor.sign_in(pds, alice)
    names.break_of(other, ELSEWHERE)
    assert come_by(visitor, pds, other, other.did, page="/account").status_code == 400
    assert fetch(visitor.instance, "SELECT 1 FROM linked_account WHERE account_id = $1", other.did) == []


def test_another_account_than_was_typed_is_not_asked_about(
    visitor: Visitor, pds: Pds, names: Names, alice: Account
) -> None:
    """Its answer would link it under the name that it claims."""
    other = names.set(pds.create_account())
    names.break_of(other, ELSEWHERE)
    assert come_by(visitor, pds, other, alice.did).status_code == 400


@pytest.mark.parametrize("how", [NOWHERE, ELSEWHERE])
def test_nothing_new_is_published_under_a_lost_handle(
    visitor: Visitor, names: Names, alice: Account, how: str
) -> None:
    """The handle may be somebody else's by now. It is published once a sign-in has seen it lead to the account again."""
    name, pds = f"n{how}", names.pds
    visitor.sign_in(pds, alice)
    visitor.prove(names.x, names.x.account(name))
    form = visitor.get("/account/publish").text
    choice = re.search(r'name="([^"]+)"[^>]*?value="([0-9a-f-]{36})"', form)
    assert choice is not None
    sign_out(visitor)
    names.break_of(alice, how)
    assert come_by(visitor, pds, alice, alice.did).status_code == 303
    shown = visitor.get("/account/publish").text
    assert "does not hold any more" in shown
    visitor.send("/account/publish", "/account/publish", **{choice[1]: choice[2], "consent": "1"})
    assert answers(visitor, name) == []
    sign_out(visitor)
    names.set(alice)
    assert come_by(visitor, pds, alice, alice.did).status_code == 303
    visitor.publish()
    assert [each["handle"] for each in answers(visitor, name)] == [alice.handle]


def test_a_run_can_be_undone_without_a_handle(
    visitor: Visitor, pds: Pds, names: Names, alice: Account
) -> None:
    """An undo takes a permission: it is asked for by the DID where the handle leads nowhere."""
    instance = visitor.instance
    visitor.sign_in(pds, alice)
    account = row(instance, alice)
    follows = instance.members.follows
    assert follows is not None
    friend = BlueskyAccount(did("friend"), AtHandle.parse("friend.example"))
    plan = Plan((Wanted(friend, Query.parse("1"), is_ticked=True),), ())
    member, held = account["member"], account["id"]
    run = instance.call(lambda: follows.following.start(member, held, plan)).id  # type: ignore[arg-type]  # a plan was made
    hand = HandRun(instance)
    hand.begin(run)
    hand.follow(run, [0])
    names.break_of(alice, ELSEWHERE)
    leaving = visitor.send(f"/account/runs/{run}", f"/account/runs/{run}/undo")
    assert leaving.status_code == 200, leaving.headers
    url = leaving.headers["refresh"].partition("url=")[2]
    back = consent(pds, url, alice, SCOPES[Purpose.FOLLOW][0])
    landed = visitor.get(f"{CALLBACK}?{urlencode(back)}")
    assert landed.headers["location"] == f"/account/runs/{run}?said=permitted"
