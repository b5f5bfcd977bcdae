"""Signing in with X, where the operator has a key: in a real browser, and what somebody could try with it."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from html import unescape
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_x import Failure, FakeAccount, FakeX
from tests.harness.fake_x.shapes import Shaped
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import SAME_ORIGIN, Visitor
from tests.web.members.worlds import client_of, enrol, fetch

in_browser = pytest.mark.asyncio(loop_scope="session")
CALLBACK: Final = "/oauth/x/callback"
NOBODY_PROVED_IT: Final = (
    "Nobody here has proven this X account yet: please begin with your Bluesky or Mastodon account."
)


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, x: FakeX, internet: FakeInternet) -> Iterator[MemberInstance]:
    key = x.key()
    with member_instance(
        module_dsn,
        data,
        x=x,
        open_client=client_of(internet),
        jobs=False,
        x_client_id=key.client_id,
        x_client_secret=key.client_secret,
        x_authorize_url=key.authorize_base,
        x_api_url=key.api_base,
    ) as running:
        x.oauth.redirect_uris.append(running.url + CALLBACK)
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def context(chromium: Browser, instance: MemberInstance) -> AsyncIterator[BrowserContext]:
    """Without JavaScript: the way to X and back is forms, links and a header."""
    opened = await chromium.new_context(base_url=instance.url, java_script_enabled=False)
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext) -> Page:
    return await context.new_page()


def at_x(x: FakeX, handle: str) -> FakeAccount:
    """Somebody who is signed in at X in every browser of the test."""
    x.oauth.signed_in = x.account(handle)
    return x.oauth.signed_in


def times_asked(x: FakeX) -> int:
    """How often X was asked who somebody is."""
    return sum(" /api/2/users/me " in asked for asked in x.requests)


def leave_for_x(visitor: Visitor, page: str) -> str:
    """Where the instance sends this browser."""
    answer = visitor.send(page, "/sign-in", network="x")
    assert answer.status_code == 200, answer.text
    return answer.headers["refresh"].partition("url=")[2]


def decide(url: str, decision: str = "allow") -> str:
    """The path that X sends the browser back to."""
    page = httpx.get(url, trust_env=False)
    assert page.status_code == 200, page.text
    fields = dict(parse_qsl(urlsplit(url).query)) | {"decision": decision}
    back = httpx.post(url.partition("?")[0], data=fields, trust_env=False)
    parts = urlsplit(back.headers["location"])
    return f"{parts.path}?{parts.query}"


def member_with(visitor: Visitor, internet: FakeInternet, user: str) -> str:
    acct = enrol(internet, user)
    visitor.sign_in_at_mastodon(internet, acct)
    return acct


@in_browser
async def test_proven_by_signing_in_and_published_as_bound(
    page: Page, ada: Visitor, internet: FakeInternet, x: FakeX
) -> None:
    """The number is proven with the name, so it may be followed without a tick; X keeps no token of ours."""
    acct = await asyncio.to_thread(member_with, ada, internet, "walker")
    author, asked_before = at_x(x, "XWalker"), times_asked(x)
    await page.context.add_cookies(
        [{"name": "passerelle", "value": ada.client.cookies["passerelle"], "url": ada.instance.url}]
    )
    await page.goto("/account/prove")
    await page.get_by_role("button", name="Prove it by signing in with X").click()
    await expect(page.locator("body")).to_contain_text("@XWalker")
    await page.get_by_role("button", name="Authorize app").click()
    await expect(page.locator("h1")).to_have_text("What shall be public?")
    await page.get_by_label("I agree that this is published").check()
    await page.get_by_role("button", name="Publish").click()
    await page.goto("/account")
    await expect(page.locator("main")).to_contain_text("@XWalker on X is now walker@social.test on Mastodon")
    found = (await asyncio.to_thread(ada.get, f"/api/v1/lookup?x={author.id}")).json()["answers"]
    assert [(each["handle"], each["strength"], each["may_follow"]) for each in found] == [
        (acct, "bound", True)
    ]
    assert found[0]["x"] == {"id": str(author.id), "handle": "XWalker"}
    assert {item["kind"] for item in found[0]["evidence"]} == {"x-oauth", "mastodon-oauth"}
    assert x.oauth.tokens == {}
    assert times_asked(x) - asked_before == 1, "X is paid for each look"


@in_browser
async def test_who_has_proven_it_signs_in_with_it(
    page: Page, ada: Visitor, internet: FakeInternet, x: FakeX
) -> None:
    """In another browser, also under a new name on X: the number is the person."""
    await asyncio.to_thread(member_with, ada, internet, "returner")
    author = at_x(x, "before_it")
    answer = await asyncio.to_thread(lambda: ada.get(decide(leave_for_x(ada, "/account/prove"))))
    assert answer.headers["location"] == "/account/publish"
    author.handle = type(author.handle).parse("after_it")
    await page.goto("/sign-in")
    await page.get_by_role("button", name="Sign in with X").click()
    await page.get_by_role("button", name="Authorize app").click()
    await expect(page.locator("h1")).to_have_text("My account")
    await expect(page.locator("main")).to_contain_text("returner@social.test")
    await expect(page.locator("main")).to_contain_text("@after_it")


@in_browser
async def test_an_x_account_alone_makes_no_member(page: Page, instance: MemberInstance, x: FakeX) -> None:
    at_x(x, "newcomer")
    await page.goto("/sign-in")
    await page.get_by_role("button", name="Sign in with X").click()
    await page.get_by_role("button", name="Authorize app").click()
    await expect(page.locator("main")).to_contain_text(NOBODY_PROVED_IT)
    await page.goto("/account")
    await expect(page.locator("h1")).to_have_text("Sign in, and be found")
    assert fetch(instance, "SELECT 1 FROM linked_account WHERE handle = 'newcomer'") == []
    assert x.oauth.tokens == {}


@in_browser
async def test_who_says_no_can_start_again(page: Page, x: FakeX) -> None:
    at_x(x, "hesitant")
    await page.goto("/sign-in")
    await page.get_by_role("button", name="Sign in with X").click()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.locator("[role=alert]")).to_contain_text("You said no")
    await page.get_by_role("button", name="Sign in with X").click()
    await expect(page.get_by_role("button", name="Authorize app")).to_be_visible()


UNREACHABLE: Final = "That server does not answer"
UNREADABLE: Final = "answered in a way we cannot understand"


@pytest.mark.parametrize(
    ("answer", "sentence"),
    {
        "the operator's credits are used up": ((402, b'{"title":"CreditsDepleted"}'), UNREACHABLE),
        "too many requests": ((429, b'{"title":"Too Many Requests"}'), UNREACHABLE),
        "down": ((503, b"<html></html>"), UNREACHABLE),
        "the app may not ask": ((403, b'{"title":"Client Forbidden"}'), UNREADABLE),
        "nobody named": ((200, b'{"errors":[{"title":"Not Found Error"}]}'), UNREADABLE),
        "no JSON": ((200, b"<html></html>"), UNREADABLE),
    }.values(),
)
def test_what_a_person_reads_when_x_does_not_tell_who_they_are(
    ada: Visitor, internet: FakeInternet, x: FakeX, answer: Shaped, sentence: str
) -> None:
    """https://docs.x.com/x-api/fundamentals/response-codes-and-errors. Nothing is linked, no token is left."""
    user = f"u{answer[0]}{len(answer[1])}"
    acct = member_with(ada, internet, user)
    at_x(x, user)
    x.oauth.answers_me = answer
    try:
        shown = ada.get(decide(leave_for_x(ada, "/account/prove")))
    finally:
        x.oauth.answers_me = None
    assert (shown.status_code, sentence in shown.text) == (400, True)
    assert "Link another account" in shown.text
    rows = fetch(ada.instance, "SELECT handle FROM linked_account WHERE handle IN ($1, $2)", acct, user)
    assert [row["handle"] for row in rows] == [acct]
    assert x.oauth.tokens == {}


def test_x_is_away_when_the_code_is_to_be_exchanged(ada: Visitor, x: FakeX) -> None:
    at_x(x, "unlucky")
    back = decide(leave_for_x(ada, "/sign-in"))
    x.fail("oauth", Failure(hangs_up=True))
    try:
        shown = ada.get(back)
    finally:
        x.heal("oauth")
    assert (shown.status_code, UNREACHABLE in shown.text) == (400, True)


def test_the_way_back_serves_once_and_in_one_browser(
    ada: Visitor, eve: Visitor, internet: FakeInternet, x: FakeX
) -> None:
    """The attacker agrees at X with their own account and has the victim's browser open the way back, so that
    the victim would publish the attacker's X account as theirs; then somebody opens it from a history."""
    member_with(ada, internet, "xvictim")
    member_with(eve, internet, "xattacker")
    at_x(x, "theattackers")
    back = decide(leave_for_x(eve, "/account/prove"))
    assert ada.get(back).status_code == 400
    assert "theattackers" not in ada.get("/account").text
    assert eve.get(back).status_code == 303
    again = eve.get(back)
    assert again.status_code == 400
    assert "That sign-in is over" in again.text


@pytest.mark.parametrize(
    "changed",
    [{"state": "a" * 43}, {"state": ""}, {"code": "another"}, {"code": ""}, {"error": "access_denied"}],
)
def test_an_altered_way_back(ada: Visitor, internet: FakeInternet, x: FakeX, changed: dict[str, str]) -> None:
    """Nothing of it is believed, and nobody is asked with a code that X did not give."""
    user = f"altered{secrets.token_hex(4)}"
    member_with(ada, internet, user)
    at_x(x, user)
    url = urlsplit(decide(leave_for_x(ada, "/account/prove")))
    answer = ada.client.get(url.path, params=dict(parse_qsl(url.query)) | changed)
    assert answer.status_code == 400
    assert fetch(ada.instance, "SELECT 1 FROM linked_account WHERE handle = $1", user) == []


def test_a_code_of_another_journey(ada: Visitor, eve: Visitor, internet: FakeInternet, x: FakeX) -> None:
    """The attacker puts a code that they overheard behind their own state: PKCE ties it to who began."""
    member_with(eve, internet, "overhearer")
    at_x(x, "overheard")
    victims = dict(parse_qsl(urlsplit(decide(leave_for_x(ada, "/sign-in"))).query))
    own = dict(parse_qsl(urlsplit(decide(leave_for_x(eve, "/account/prove"))).query))
    answer = eve.client.get(CALLBACK, params=own | {"code": victims["code"]})
    assert answer.status_code == 400
    assert fetch(eve.instance, "SELECT 1 FROM linked_account WHERE handle = 'overheard'") == []


def test_two_members_claim_one_x_account(
    ada: Visitor, eve: Visitor, internet: FakeInternet, x: FakeX
) -> None:
    """The first stays, and is told, though not by whom; the second is told that the moderators decide, and reads it on
    their page too. Rejected, they cannot claim it again at once."""
    member_with(ada, internet, "holder")
    member_with(eve, internet, "claimant")
    at_x(x, "xcontested")
    assert ada.get(decide(leave_for_x(ada, "/account/prove"))).status_code == 303
    answer = eve.get(decide(leave_for_x(eve, "/account/prove")))
    assert answer.status_code == 409
    assert "the moderators were told, and will decide" in answer.text
    assert "Nothing was changed" not in answer.text
    assert "The moderators will decide." in eve.get("/account").text
    told = ada.get("/account").text
    assert "@xcontested: somebody else here has proven that this X account is theirs." in told
    assert "claimant" not in told
    assert "somebody else here has proven that" not in eve.get("/account").text
    approve = (
        "UPDATE contested_claim SET state = 1, decided_at = now() WHERE handle = 'xcontested' RETURNING id"
    )
    assert len(fetch(ada.instance, approve)) == 1
    assert "the moderators decided for you" in eve.get("/account").text
    reject = (
        "UPDATE contested_claim SET state = 3, settled_at = now() WHERE handle = 'xcontested' RETURNING id"
    )
    assert len(fetch(ada.instance, reject)) == 1
    again = eve.get(decide(leave_for_x(eve, "/account/prove")))
    assert again.status_code == 409
    assert "The moderators left this X account with somebody else not long ago" in again.text
    assert "xcontested" not in eve.get("/account").text
    assert "somebody else here has proven that" not in ada.get("/account").text
    holders = fetch(
        ada.instance,
        "SELECT b.handle FROM linked_account a JOIN linked_account b USING (member)"
        " WHERE a.handle = 'xcontested' AND b.network <> a.network",
    )
    assert [row["handle"] for row in holders] == ["holder@social.test"]


def test_without_a_key_x_is_not_offered(
    module_dsn: str, data: Path, x: FakeX, internet: FakeInternet
) -> None:
    """Nor can it be asked for by hand."""
    with (
        member_instance(module_dsn, data, x=x, open_client=client_of(internet), jobs=False) as keyless,
        Visitor(keyless) as visitor,
    ):
        assert "with X" not in visitor.get("/sign-in").text
        assert visitor.send("/sign-in", "/sign-in", network="x").status_code == 400
        assert visitor.get(f"{CALLBACK}?state={'a' * 43}&code=b").status_code == 400
        member_with(visitor, internet, "keyless")
        assert "with X" not in unescape(visitor.get("/account/prove").text)
        sent = visitor.client.post(
            "/sign-in",
            data={"network": "x", "form_token": visitor.form_token("/account")},
            headers=SAME_ORIGIN,
        )
        assert sent.status_code == 400
