"""Sessions over HTTP: listed, ended one by one or all, never fixed from outside, and over in time."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from directory.members.sessions import SESSION_IDLE, SESSION_LIFE, hash_token
from tests.harness.clock import FakeClock
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.visitor import agree
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import SAME_ORIGIN, Visitor
from tests.web.members.worlds import client_of, enrol, fetch

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/18.0 Mobile/15E148 Safari/604.1"
)


@pytest.fixture(scope="module")
def clock() -> FakeClock:
    return FakeClock(datetime.now(UTC))


@pytest.fixture(scope="module")
def instance(
    module_dsn: str, data: Path, internet: FakeInternet, clock: FakeClock
) -> Iterator[MemberInstance]:
    client = client_of(internet)
    with member_instance(module_dsn, data, clock=clock, open_client=client, jobs=False) as running:
        yield running


@pytest.fixture
def laptop(instance: MemberInstance) -> Iterator[Visitor]:
    with Visitor(instance) as visitor:
        visitor.client.headers["user-agent"] = FIREFOX
        yield visitor


@pytest.fixture
def phone(instance: MemberInstance) -> Iterator[Visitor]:
    with Visitor(instance) as visitor:
        visitor.client.headers["user-agent"] = SAFARI
        yield visitor


@pytest.fixture
def stranger(instance: MemberInstance) -> Iterator[Visitor]:
    with Visitor(instance) as visitor:
        yield visitor


def is_in(visitor: Visitor) -> bool:
    answer = visitor.get("/account")
    assert answer.status_code == 200 or answer.headers["location"] == "/sign-in"
    return answer.status_code == 200


def ends(visitor: Visitor) -> list[str]:
    """Where the page's buttons that sign other browsers out lead."""
    return re.findall(r'action="(/account/sessions/[0-9a-f-]+/end)"', visitor.get("/account").text)


def both_in(laptop: Visitor, phone: Visitor, internet: FakeInternet, user: str) -> None:
    acct = enrol(internet, user)
    laptop.sign_in_at_mastodon(internet, acct)
    phone.sign_in_at_mastodon(internet, acct)


def test_they_are_listed_and_one_is_ended(laptop: Visitor, phone: Visitor, internet: FakeInternet) -> None:
    both_in(laptop, phone, internet, "ends")
    page = laptop.get("/account").text
    assert re.search(r"Firefox · Linux, last used on [^<]+\(this one\)", page)
    assert "Safari · iPhone, last used on" in page
    (end,) = ends(laptop)
    assert laptop.send("/account", end).headers["location"] == "/account?said=session-ended"
    assert (is_in(laptop), is_in(phone)) == (True, False)
    assert ends(laptop) == []
    assert laptop.send("/account", end).status_code == 303, "ended twice is ended"


def test_signing_out_here_leaves_the_others(laptop: Visitor, phone: Visitor, internet: FakeInternet) -> None:
    both_in(laptop, phone, internet, "here")
    former = laptop.client.cookies["passerelle"]
    answer = laptop.send("/account", "/account/sign-out", where="here")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "passerelle" not in laptop.client.cookies
    with httpx.Client(base_url=laptop.instance.url, cookies={"passerelle": former}, trust_env=False) as kept:
        assert kept.get("/account").status_code == 303, "a copy of the cookie opens nothing either"
    assert is_in(phone)


def test_signing_out_everywhere_ends_all_of_them(
    laptop: Visitor, phone: Visitor, stranger: Visitor, internet: FakeInternet
) -> None:
    """Also those of a thief; and nobody else's."""
    both_in(laptop, phone, internet, "everywhere")
    stranger.sign_in_at_mastodon(internet, enrol(internet, "somebodyelse"))
    laptop.send("/account", "/account/sign-out", where="everywhere")
    assert (is_in(laptop), is_in(phone), is_in(stranger)) == (False, False, True)
    lost = phone.client.post("/account/sign-out", data={"where": "everywhere"}, headers=SAME_ORIGIN)
    assert (lost.status_code, lost.headers["location"]) == (303, "/sign-in")


def test_the_session_of_another_member_cannot_be_ended(
    laptop: Visitor, stranger: Visitor, phone: Visitor, internet: FakeInternet
) -> None:
    both_in(laptop, phone, internet, "untouched")
    stranger.sign_in_at_mastodon(internet, enrol(internet, "nosy"))
    (end,) = ends(laptop)
    stranger.send("/account", end)
    assert is_in(phone)


def test_a_planted_cookie_is_not_the_session_afterwards(
    laptop: Visitor, stranger: Visitor, internet: FakeInternet
) -> None:
    """The attacker plants a session that they know in the victim's browser, which is away to sign in. Live, it
    ends the journey: else the victim's account would be linked to the attacker. Ended, it comes to no new life."""
    stranger.sign_in_at_mastodon(internet, enrol(internet, "planter"))
    planted = stranger.client.cookies["passerelle"]
    acct = enrol(internet, "planted")
    back = agree(internet, laptop.leave_for(acct), acct).removeprefix(laptop.instance.url)
    laptop.client.cookies.set("passerelle", planted, domain="127.0.0.1", path="/")
    assert laptop.get(back).status_code == 400
    assert acct not in stranger.get("/account").text
    stranger.send("/account", "/account/sign-out", where="here")
    laptop.sign_in_at_mastodon(internet, acct)
    assert [each.value for each in laptop.client.cookies.jar if each.name == "passerelle"] != [planted]
    stranger.client.cookies.set("passerelle", planted, domain="127.0.0.1", path="/")
    assert (is_in(laptop), is_in(stranger)) == (True, False)


def test_an_idle_session_ends(
    laptop: Visitor, phone: Visitor, internet: FakeInternet, clock: FakeClock
) -> None:
    """After thirty days without use; each use begins them anew, and the other browser gains nothing by it."""
    both_in(laptop, phone, internet, "idle")
    clock.advance(seconds=SESSION_IDLE.total_seconds() - 60)
    assert is_in(laptop)
    clock.advance(seconds=120)
    assert (is_in(laptop), is_in(phone)) == (True, False)
    assert "Safari" not in laptop.get("/account").text
    stale = phone.client.post("/account/leave", data={"sure": "yes"}, headers=SAME_ORIGIN)
    assert (stale.status_code, stale.headers["location"]) == (303, "/sign-in")


def test_no_session_outlives_its_life(laptop: Visitor, internet: FakeInternet, clock: FakeClock) -> None:
    """However much it is used."""
    laptop.sign_in_at_mastodon(internet, enrol(internet, "faithful"))
    days = 0
    while is_in(laptop):
        clock.advance(days=10)
        days += 10
    assert days == SESSION_LIFE.days
    laptop.instance.call(laptop.instance.worker.drain)
    token = hash_token(laptop.client.cookies["passerelle"])
    assert fetch(laptop.instance, "SELECT 1 FROM member_session WHERE token_hash = $1", token) == []
