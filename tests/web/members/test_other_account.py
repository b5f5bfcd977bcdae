"""Somebody types one account, and comes back from the network as another: nothing happens before they answer."""

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from tests.harness.clock import FakeClock
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.site import FakeServer
from tests.harness.fake_mastodon.visitor import agree
from tests.peers.consent import consent
from tests.peers.pds import Account, Pds
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.test_accounts import listed
from tests.web.members.visitors import SAME_ORIGIN, Visitor
from tests.web.members.worlds import HOST, client_of, enrol, fetch

ANSWER = "/sign-in/answer"
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def clock() -> FakeClock:
    return FakeClock(datetime.now(UTC))


@pytest.fixture(scope="module")
def instance(
    module_dsn: str, data: Path, pds: Pds, internet: FakeInternet, clock: FakeClock
) -> Iterator[MemberInstance]:
    client = client_of(internet)
    with member_instance(module_dsn, data, pds=pds, clock=clock, open_client=client, jobs=False) as running:
        yield running


def come_back(
    visitor: Visitor, internet: FakeInternet, typed: str, acct: str, page: str = "/sign-in"
) -> httpx.Response:
    """Types one account, and agrees at the server as another."""
    back = agree(internet, visitor.leave_for(typed, page), acct)
    return visitor.get(back.removeprefix(visitor.instance.settings.base_url))


def field(page: httpx.Response, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return found[1]


def answer(visitor: Visitor, page: httpx.Response, said: str = "go-on") -> httpx.Response:
    """Presses a button of the question."""
    fields = {"form_token": field(page, "form_token"), "waiting": field(page, "waiting"), "answer": said}
    return visitor.client.post(ANSWER, data=fields, headers=SAME_ORIGIN)


def is_in(visitor: Visitor) -> bool:
    return visitor.get("/account").status_code == 200


def is_held(instance: MemberInstance, acct: str) -> bool:
    return bool(fetch(instance, "SELECT 1 FROM linked_account WHERE handle = $1", acct))


def test_it_is_said_and_asked(visitor: Visitor, internet: FakeInternet) -> None:
    """Ann's browser is signed in at their server as the club she writes for. She types her own name, and was the
    club's member here, without a word."""
    ann, club = enrol(internet, "ann"), enrol(internet, "club")
    page = come_back(visitor, internet, ann, club)
    assert page.status_code == 200
    assert "no-store" in page.headers["cache-control"]
    assert f"You typed {ann}, but at the server you are signed in as {club}." in page.text
    assert not is_in(visitor)
    assert not is_held(visitor.instance, club)
    gone_on = answer(visitor, page)
    assert (gone_on.status_code, gone_on.headers["location"]) == (303, "/account/prove")
    assert listed(visitor) == [club]


def test_who_was_typed_goes_on_at_once(visitor: Visitor, internet: FakeInternet) -> None:
    own = enrol(internet, "own")
    assert come_back(visitor, internet, f"@{own.upper()}", own).status_code == 303
    other = enrol(internet, "anybody")
    visitor.send("/account", "/account/sign-out", where="here")
    assert come_back(visitor, internet, HOST, other).status_code == 303, "a server names nobody"


def test_starting_again_keeps_nothing(visitor: Visitor, internet: FakeInternet) -> None:
    typed, other = enrol(internet, "again"), enrol(internet, "againother")
    page = come_back(visitor, internet, typed, other)
    left = answer(visitor, page, "again")
    assert (left.status_code, left.headers["location"]) == (303, "/sign-in")
    late = answer(visitor, page)
    assert late.status_code == 400
    assert "please start again" in late.text
    assert not is_held(visitor.instance, other)


def test_linking_asks_too(visitor: Visitor, internet: FakeInternet) -> None:
    """Another account than was typed was linked to the membership, and offered to be published."""
    own, typed, other = (enrol(internet, name) for name in ("alinker", "blinktyped", "clinkother"))
    visitor.sign_in_at_mastodon(internet, own)
    page = come_back(visitor, internet, typed, other, page="/account")
    assert "Nothing was linked yet." in page.text
    assert listed(visitor) == [own]
    assert answer(visitor, page).headers["location"] == "/account"
    assert sorted(listed(visitor)) == [own, other]


def test_an_answer_counts_once(visitor: Visitor, internet: FakeInternet) -> None:
    """Somebody who finds the page in a browser's history sends its form again."""
    page = come_back(visitor, internet, enrol(internet, "once"), enrol(internet, "onceother"))
    assert answer(visitor, page).status_code == 303
    visitor.client.cookies.delete("passerelle")
    assert answer(visitor, page).status_code in {400, 403}
    assert not is_in(visitor)


def test_an_answer_counts_for_ten_minutes(visitor: Visitor, internet: FakeInternet, clock: FakeClock) -> None:
    """An open page on a shared computer is worth nothing to whoever comes next."""
    other = enrol(internet, "lateother")
    page = come_back(visitor, internet, enrol(internet, "late"), other)
    clock.advance(minutes=10)
    late = answer(visitor, page)
    clock.advance(minutes=-10)  # the PDS of other tests has the time of day
    assert late.status_code == 400
    assert not is_held(visitor.instance, other)


def test_another_browser_cannot_answer(ada: Visitor, eve: Visitor, internet: FakeInternet) -> None:
    """Eve proves an account of hers and has Ada's browser send the answer: Ada would be signed in as Eve."""
    other = enrol(internet, "csrfother")
    page = come_back(eve, internet, enrol(internet, "csrf"), other)
    own = ada.form_token("/sign-in")
    for token in (own, field(page, "form_token")):
        fields = {"form_token": token, "waiting": field(page, "waiting"), "answer": "go-on"}
        assert ada.client.post(ANSWER, data=fields, headers=SAME_ORIGIN).status_code in {400, 403}
    fields = {"form_token": field(page, "form_token"), "waiting": field(page, "waiting"), "answer": "go-on"}
    assert eve.client.post(ANSWER, data=fields, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert eve.client.get(f"{ANSWER}?{urlencode(fields)}").status_code == 405
    assert not is_in(ada)
    assert not is_held(ada.instance, other)
    assert answer(eve, page).status_code == 303, "it is still Eve's own to use"


def test_who_answers_is_who_began(ada: Visitor, eve: Visitor, internet: FakeInternet) -> None:
    """Ada begins to link; her browser is made to hold Eve's session before she answers."""
    first, other = enrol(internet, "began"), enrol(internet, "beganother")
    ada.sign_in_at_mastodon(internet, first)
    page = come_back(ada, internet, enrol(internet, "begantyped"), other, page="/account")
    eve.sign_in_at_mastodon(internet, enrol(internet, "beganeve"))
    ada.client.cookies.set("passerelle", eve.client.cookies["passerelle"], domain="127.0.0.1", path="/")
    fields = {
        "form_token": ada.form_token("/account"),
        "waiting": field(page, "waiting"),
        "answer": "go-on",
    }
    assert ada.client.post(ANSWER, data=fields, headers=SAME_ORIGIN).status_code == 400
    assert not is_held(ada.instance, other)


def test_what_waits_is_no_way_back_and_no_way_back_waits(visitor: Visitor, internet: FakeInternet) -> None:
    """The token of the one step is sent to the other: both are rows of one table."""
    other = enrol(internet, "crossother")
    page = come_back(visitor, internet, enrol(internet, "cross"), other)
    waiting = field(page, "waiting")
    query = urlencode({"state": waiting, "code": "x"})
    assert visitor.get(f"/oauth/mastodon/callback/{HOST}?{query}").status_code == 400
    assert not is_in(visitor)
    url = visitor.leave_for(other)
    (state,) = parse_qs(urlsplit(url).query)["state"]
    fields = {"form_token": visitor.form_token("/sign-in"), "waiting": state, "answer": "go-on"}
    assert visitor.client.post(ANSWER, data=fields, headers=SAME_ORIGIN).status_code == 400
    assert not is_held(visitor.instance, other)


def test_no_permission_is_kept_meanwhile(visitor: Visitor, internet: FakeInternet) -> None:
    """The server is told to forget what it granted, whatever the answer will be."""
    page = come_back(visitor, internet, enrol(internet, "tokens"), enrol(internet, "tokensother"))
    server = internet.sites[HOST]
    assert isinstance(server, FakeServer)
    visitor.instance.call(visitor.instance.worker.drain)
    granted = [token for token in server.oauth.tokens if token.user == f"tokensother@{HOST}"]
    assert [token.is_revoked for token in granted] == [True]
    answer(visitor, page)
    assert (
        fetch(
            visitor.instance,
            "SELECT 1 FROM token t JOIN linked_account a ON a.id = t.account WHERE a.handle = $1",
            f"tokensother@{HOST}",
        )
        == []
    )
    stored = fetch(visitor.instance, "SELECT sealed FROM sign_in")
    assert all(b"tokensother" not in row["sealed"] for row in stored)


def test_bluesky_asks_alike(visitor: Visitor, pds: Pds) -> None:
    """It refused, and said to start again with the account that was named, which nobody could do."""
    typed, other = pds.create_account(), pds.create_account()
    back = consent(pds, visitor.leave_for(typed.handle), other, "atproto")
    page = visitor.get(f"/oauth/bluesky/callback?{urlencode(back)}")
    assert page.status_code == 200
    assert f"You typed {typed.handle}, but at the server you are signed in as {other.handle}." in page.text
    assert not is_in(visitor)
    assert answer(visitor, page).headers["location"] == "/account/prove"
    assert listed(visitor) == [other.handle]


@pytest.fixture
def lapsed(ada: Visitor, pds: Pds, internet: FakeInternet) -> tuple[str, Account]:
    """Ada's accounts: one on a domain that is gone, one that holds. She is signed out."""
    acct, bluesky = enrol(internet, f"gone{next(NUMBERS)}"), pds.create_account()
    ada.sign_in_at_mastodon(internet, acct)
    ada.get(ada.way_back(pds, bluesky, page="/account"))
    ada.send("/account", "/account/sign-out", where="everywhere")
    fetch(ada.instance, "UPDATE linked_account SET health = 3 WHERE handle = $1 RETURNING id", acct)
    return acct, bluesky


def test_a_lapsed_account_opens_nothing(
    ada: Visitor, eve: Visitor, pds: Pds, internet: FakeInternet, lapsed: tuple[str, Account]
) -> None:
    """Eve bought the dead domain: she was Ada. She is told why not; Ada comes in by her other account, and links
    the lapsed one again."""
    acct, bluesky = lapsed
    page = eve.sign_in_at_mastodon(internet, acct)
    assert page.status_code == 403
    assert "it opens nothing any more" in page.text
    assert not is_in(eve)
    ada.sign_in(pds, bluesky)
    assert "Prove it again" in ada.get("/account").text
    assert ada.sign_in_at_mastodon(internet, acct, page="/account").status_code == 303
    assert "Prove it again" not in ada.get("/account").text


def test_its_new_owner_begins_anew(
    ada: Visitor, eve: Visitor, pds: Pds, internet: FakeInternet, lapsed: tuple[str, Account]
) -> None:
    """The name was given to somebody else, who is not locked out: they begin with nothing of Ada's."""
    acct, bluesky = lapsed
    page = eve.sign_in_at_mastodon(internet, acct)
    fields = {
        "form_token": field(page, "form_token"),
        "account": field(page, "account"),
        "network": field(page, "network"),
        "afresh": "yes",
    }
    left = eve.client.post("/sign-in", data=fields, headers=SAME_ORIGIN)
    back = agree(internet, left.headers["refresh"].partition("url=")[2], acct)
    arrived = eve.get(back.removeprefix(eve.instance.settings.base_url))
    assert (arrived.status_code, arrived.headers["location"]) == (303, "/account/prove")
    assert listed(eve) == [acct]
    ada.sign_in(pds, bluesky)
    assert listed(ada) == [bluesky.handle]


def test_beginning_anew_counts_for_the_account_that_was_typed(
    ada: Visitor, eve: Visitor, pds: Pds, internet: FakeInternet, lapsed: tuple[str, Account]
) -> None:
    """ "Begin anew" was said of another account than the one that comes back: it is asked again, of this one."""
    acct, bluesky = lapsed
    typed = enrol(internet, "afreshtyped")
    left = eve.send("/sign-in", "/sign-in", account=typed, afresh="yes")
    back = agree(internet, left.headers["refresh"].partition("url=")[2], acct)
    question = eve.get(back.removeprefix(eve.instance.settings.base_url))
    refused = answer(eve, question)
    assert (refused.status_code, is_in(eve)) == (403, False)
    ada.sign_in(pds, bluesky)
    assert sorted(listed(ada)) == sorted([acct, bluesky.handle])


def test_a_browser_is_told_that_its_account_was_unlinked(
    ada: Visitor, pds: Pds, internet: FakeInternet
) -> None:
    """Its session began with the account: it ends with it, here and in every other browser."""
    acct, bluesky = enrol(internet, "unlinker"), pds.create_account()
    ada.sign_in_at_mastodon(internet, acct)
    ada.get(ada.way_back(pds, bluesky, page="/account"))
    page = ada.get("/account").text
    assert f"signed in with {acct}" in page
    assert "This browser is signed in with it" in page
    ((number,),) = fetch(ada.instance, "SELECT id FROM linked_account WHERE handle = $1", acct)
    done = ada.send("/account", f"/account/accounts/{number}/unlink")
    assert done.status_code == 200
    assert "You are signed out" in done.text
    assert "passerelle" not in ada.client.cookies
    assert not is_in(ada)
    ada.sign_in(pds, bluesky)
    assert listed(ada) == [bluesky.handle]
