"""What cannot be undone asks once, without a script too, and says afterwards what happened."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_x import FakeX
from tests.harness.pages import as_read
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import SAME_ORIGIN, Visitor
from tests.web.members.worlds import client_of, enrol

DANGEROUS = re.compile(r"/(withdraw|unlink|delete)$|/consents/\d+$")


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, x: FakeX, internet: FakeInternet) -> Iterator[MemberInstance]:
    with member_instance(module_dsn, data, x=x, open_client=client_of(internet), jobs=False) as running:
        yield running


def asked_forms(html: str) -> dict[str, str]:
    """Returns the forms that stand behind a question: the address and what they say."""
    found = {}
    for block in re.findall(r'<details class="ask">.*?</details>', html, re.DOTALL):
        address = re.search(r'<form[^>]*action="([^"]+)"', block)
        assert address is not None
        found[address[1]] = as_read(block)
    return found


def press(visitor: Visitor, page: str, address: str, **fields: str) -> str:
    """Answers the question with yes, follows to where that leads, and returns what is said there."""
    sent = visitor.client.post(
        address, data={"form_token": visitor.form_token(page), **fields}, headers=SAME_ORIGIN
    )
    assert sent.status_code == 303
    text = unescape(visitor.get(sent.headers["location"]).text)
    said = re.search(r'<p class="notice said" role="status">(.*?)</p>', text, re.DOTALL)
    return said[1] if said else ""


def test_each_asks_first_and_says_what_it_did(ada: Visitor, internet: FakeInternet, x: FakeX) -> None:
    """One click withdrew everything, and the page said nothing of it."""
    ada.sign_in_at_mastodon(internet, enrol(internet, "asker"))
    ada.sign_in_at_mastodon(internet, enrol(internet, "asker2"), page="/account")
    ada.prove(x, x.account("asker"))
    ada.publish()
    for kind in ("1", "2"):
        assert press(ada, "/account", f"/account/consents/{kind}", version="1", answer="yes")
    html = ada.get("/account").text
    asked = asked_forms(html)
    bare = re.sub(r'<details class="ask">.*?</details>', "", html, flags=re.DOTALL)
    left = [form for form in re.findall(r"<form.*?</form>", bare, re.DOTALL) if 'value="no"' in form]
    assert [form for form in left if 'name="answer"' in form] == [], "no consent ends without a question"
    assert not any(
        DANGEROUS.search(at) for at in re.findall(r'action="([^"]+)"', bare) if "consents" not in at
    )
    assert {"/account/consents/1", "/account/consents/2"} <= asked.keys()
    assert "1 thing that you published is taken back" in asked["/account/consents/1"]
    assert "The list is deleted at once" in asked["/account/consents/2"]
    (withdrawing,) = [at for at in asked if at.endswith("/withdraw")]
    unlinking = [at for at in asked if at.endswith("/unlink")]
    assert len(unlinking) == 3
    assert withdrawing in asked_forms(ada.get("/account/published").text)
    assert "Taken back" in press(ada, "/account", withdrawing)
    assert "Unlinked." in press(ada, "/account", unlinking[-1])
    assert "your list: it is deleted" in press(ada, "/account", "/account/consents/2", answer="no")
    assert "taken back" in press(ada, "/account", "/account/consents/1", answer="no")


def test_a_member_has_the_cookies_that_are_named(ada: Visitor, internet: FakeInternet) -> None:
    """The page about this instance names three: language, sign-in, and the browser that left to sign in."""
    acct = enrol(internet, "cookies")
    ada.leave_for(acct)
    assert set(ada.client.cookies) == {"passerelle-browser"}
    ada.sign_in_at_mastodon(internet, acct)
    ada.get("/account?lang=fr")
    assert set(ada.client.cookies) == {"lang", "passerelle"}


def test_nothing_else_can_be_said(ada: Visitor, internet: FakeInternet) -> None:
    """A link to our page with a sentence of the attacker's in its address."""
    ada.sign_in_at_mastodon(internet, enrol(internet, "lured"))
    html = ada.get("/account?said=Your+account+is+locked").text
    assert "locked" not in html
    assert "notice said" not in html
