"""Proving an X account by links, from the page to the answer: both profiles have to link to one lasting page."""

import asyncio
import itertools
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, expect

from tests.harness.accessibility import serious_violations
from tests.harness.fake_mastodon.internet import FakeInternet, Response
from tests.harness.fake_mastodon.site import Account as MastodonAccount
from tests.harness.fake_mastodon.site import FakeServer
from tests.harness.fake_x import Failure, FakeX
from tests.peers.pds import Account, Pds
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.keyboard import Keyboard
from tests.web.members.visitors import Visitor
from tests.web.members.worlds import HOST, client_of, enrol, fetch

NUMBERS: Final = itertools.count()
LINKS: Final = "/account/prove/links"
_ADDRESS: Final = re.compile(r'id="page-address">([^<]+)<')


@pytest.fixture(scope="module")
def instance(
    module_dsn: str, data: Path, pds: Pds, internet: FakeInternet, x: FakeX
) -> Iterator[MemberInstance]:
    """One whose operator has an FxTwitter-compatible service."""
    client, fxtwitter = client_of(internet), x.sources().fxtwitter
    with member_instance(
        module_dsn, data, pds=pds, x=x, open_client=client, jobs=False, x_fxtwitter=fxtwitter
    ) as running:
        yield running


class AtMastodon:
    """Somebody who signed in with a new account, whose page is public, and whose X account has the same name."""

    def __init__(self, visitor: Visitor, internet: FakeInternet, x: FakeX, name: str) -> None:
        self.visitor = visitor
        acct = enrol(internet, name)
        assert visitor.sign_in_at_mastodon(internet, acct).status_code == 303
        self.on_x = x.account(name)
        server = internet.sites[HOST]
        assert isinstance(server, FakeServer)
        self.server = server
        found = server.account(name)
        assert found is not None
        self.account: MastodonAccount = found
        self.address = make_page(visitor)

    def link(self) -> None:
        """Puts the address into both profiles."""
        self.on_x.website = self.address
        self.account.page_links = [self.address]


def make_page(visitor: Visitor) -> str:
    assert visitor.send(LINKS, f"{LINKS}/page").status_code == 303
    found = _ADDRESS.search(visitor.get(LINKS).text)
    assert found is not None
    return unescape(found[1])


def check(visitor: Visitor, x_handle: str) -> None:
    """Has the profiles looked at, by the worker."""
    sent = visitor.send(f"{LINKS}?new=true", LINKS, x_handle=x_handle)
    assert (sent.status_code, sent.headers["location"]) == (303, "/account/prove")
    visitor.instance.call(visitor.instance.worker.drain)


def look_again(instance: MemberInstance) -> None:
    """Sixty days on, or the day after a doubt."""
    fetch(instance, "UPDATE linked_account SET recheck_at = now() WHERE recheck_at IS NOT NULL")
    fetch(
        instance, "UPDATE linked_account SET health_since = health_since - interval '1 day' WHERE health = 2"
    )
    instance.call(instance.worker.drain)
    instance.call(instance.announce)


def found(visitor: Visitor, query: str) -> list[tuple[str, str]]:
    answers = visitor.get(f"/api/v1/lookup?x={query}").json()["answers"]
    return [(answer["handle"], answer["strength"]) for answer in answers]


class TestAtMastodon:
    @pytest.fixture
    def ada(self, visitor: Visitor, internet: FakeInternet, x: FakeX) -> AtMastodon:
        """Of a name that nobody else has."""
        return AtMastodon(visitor, internet, x, f"ada{next(NUMBERS)}")

    def test_both_profiles_link(self, ada: AtMastodon) -> None:
        """The answer is weak: by name alone, and nobody is followed for it without a tick."""
        name, visitor = str(ada.on_x.handle), ada.visitor
        ada.link()
        check(visitor, f"@{name.upper()}")
        assert visitor.get("/account/prove").headers["location"] == "/account/publish"
        visitor.publish()
        assert (
            "Please leave the links to your page in your profiles" in visitor.get("/account/published").text
        )
        assert ada.address in visitor.get("/account").text
        assert found(visitor, f"@{name}") == [(f"{name}@{HOST}", "linked")]
        assert found(visitor, str(ada.on_x.id)) == [], "who is only linked answers by name"
        answer = visitor.get(f"/api/v1/lookup?x={name}").json()["answers"][0]
        refs = {item["ref"] for item in answer["evidence"] if item["kind"] == "profile-link"}
        assert {ref.lower() for ref in refs} == {f"https://x.com/{name}", f"https://{HOST}/@{name}"}

    def test_the_page_says_that_it_is_them(self, ada: AtMastodon) -> None:
        """What the home server looks for before it calls the link verified: a link back with rel="me"."""
        path = ada.address.removeprefix(ada.visitor.instance.settings.base_url)
        with Visitor(ada.visitor.instance) as stranger:
            page = stranger.get(path).text
        profile = ada.server.page(ada.account)
        assert f'<link rel="me" href="{profile}">' in page
        assert f'<a href="{profile}" rel="me noopener">' in page

    @pytest.mark.parametrize(
        ("on_x", "at_home", "sentence"),
        [
            (False, True, "Your X profile does not name your page as its website yet"),
            (True, False, "None of your new profiles links to your page yet"),
        ],
    )
    def test_one_side_does_not_link(self, ada: AtMastodon, on_x: bool, at_home: bool, sentence: str) -> None:
        ada.on_x.website = ada.address if on_x else "https://elsewhere.example/"
        ada.account.page_links = [ada.address] if at_home else []
        check(ada.visitor, str(ada.on_x.handle))
        assert ada.visitor.get("/account/prove").headers["location"] == LINKS
        page = ada.visitor.get(LINKS).text
        assert sentence in page
        assert f'value="{ada.on_x.handle}"' in page
        assert (
            "Proven"
            not in ada.visitor.get("/account").text.partition("My accounts")[2].partition("X</h3>")[2]
        )

    def test_a_page_of_somebody_elses(self, ada: AtMastodon, internet: FakeInternet, x: FakeX) -> None:
        """Mallory names the X account of somebody whose profiles link to a page here: to their own, not to hers."""
        ada.link()
        with Visitor(ada.visitor.instance) as other:
            mallory = AtMastodon(other, internet, x, f"mal{ada.on_x.handle}")
            mallory.account.page_links = [mallory.address, ada.address]
            check(other, str(ada.on_x.handle))
            assert "does not name your page" in other.get(LINKS).text

    def test_the_address_by_handle_is_no_proof(self, ada: AtMastodon) -> None:
        """It is whoever's who bears the handle: a profile that still links there would speak for the next one."""
        by_handle = f"{ada.visitor.instance.settings.base_url}/m/{ada.on_x.handle}@{HOST}"
        assert ada.visitor.get(f"/m/{ada.on_x.handle}@{HOST}").status_code == 200
        ada.on_x.website, ada.account.page_links = by_handle, [by_handle]
        check(ada.visitor, str(ada.on_x.handle))
        assert "does not name your page" in ada.visitor.get(LINKS).text

    def test_a_link_that_the_server_did_not_verify(self, ada: AtMastodon) -> None:
        ada.link()
        answer = ada.server._api_account(ada.account) | {
            "fields": [{"name": "x", "value": f'<a href="{ada.address}">x</a>', "verified_at": None}]
        }
        ada.server.broken["/api/v1/accounts/lookup"] = lambda _: Response.json(answer)
        try:
            check(ada.visitor, str(ada.on_x.handle))
        finally:
            del ada.server.broken["/api/v1/accounts/lookup"]
        assert "your server has not verified the link yet" in ada.visitor.get(LINKS).text

    @pytest.mark.parametrize(
        ("failure", "sentence"),
        [
            (Failure(503), "We could not read your X profile right now"),
            (Failure(404, b'{"code":404,"message":"User not found"}'), "We find nobody of that name on X"),
        ],
    )
    def test_silence_refutes_nothing(
        self, ada: AtMastodon, x: FakeX, failure: Failure, sentence: str
    ) -> None:
        ada.link()
        x.fail("fxtwitter", failure)
        try:
            check(ada.visitor, str(ada.on_x.handle))
        finally:
            x.heal("fxtwitter")
        page = ada.visitor.get("/account/prove").text
        assert "Checking your links" in page
        assert sentence in page
        assert sentence in ada.visitor.get("/account/prove/progress").text
        fetch(ada.visitor.instance, "UPDATE link_check SET next_at = now() WHERE state = 0")
        ada.visitor.instance.call(ada.visitor.instance.worker.drain)
        assert ada.visitor.get("/account/prove/progress").headers["hx-redirect"] == "/account/publish"

    def test_two_members_and_one_x_account(self, ada: AtMastodon, internet: FakeInternet, x: FakeX) -> None:
        """The first stays; the second, whose page the profile links to now, goes to the moderators."""
        ada.link()
        check(ada.visitor, str(ada.on_x.handle))
        with Visitor(ada.visitor.instance) as other:
            second = AtMastodon(other, internet, x, f"two{ada.on_x.handle}")
            ada.on_x.website = second.address
            second.account.page_links = [second.address]
            check(other, str(ada.on_x.handle))
            assert other.get("/account/prove").headers["location"] == LINKS
            assert "the moderators were told" in other.get(LINKS).text
            assert "The moderators will decide" in other.get("/account").text

    @pytest.mark.parametrize("side", ["x", "new", "page"])
    def test_a_link_that_is_gone(self, ada: AtMastodon, side: str) -> None:
        """Seen once, it is looked at again; seen the day after, what rested on it ends."""
        name = str(ada.on_x.handle)
        ada.link()
        check(ada.visitor, name)
        ada.visitor.publish()
        look_again(ada.visitor.instance)
        assert found(ada.visitor, f"@{name}") == [(f"{name}@{HOST}", "linked")]
        if side == "x":
            ada.on_x.website = None
        elif side == "new":
            ada.account.page_links = []
        else:
            page = ada.visitor.get("/account").text
            account = re.search(r"/account/accounts/([0-9a-f-]{36})/page", page)
            assert account is not None
            ada.visitor.send("/account", f"/account/accounts/{account[1]}/page", shown="no")
        look_again(ada.visitor.instance)
        assert found(ada.visitor, f"@{name}") == [(f"{name}@{HOST}", "linked")], "one look takes nothing back"
        look_again(ada.visitor.instance)
        assert found(ada.visitor, f"@{name}") == []

    def test_a_name_that_passed_to_somebody_else(self, ada: AtMastodon, x: FakeX) -> None:
        """X gave the name away, and its new bearer links to the member's page: another number, another person."""
        name = str(ada.on_x.handle)
        ada.link()
        check(ada.visitor, name)
        ada.visitor.publish()
        ada.on_x.handle = type(ada.on_x.handle)(f"o{name}")
        x.account(name).website = ada.address
        look_again(ada.visitor.instance)
        look_again(ada.visitor.instance)
        assert found(ada.visitor, f"@{name}") == []


def publish_profile(pds: Pds, account: Account, text: str) -> None:
    """What a person writes about themselves in the settings of their app."""
    pds.procedure(
        "com.atproto.repo.putRecord",
        token=account.access_token,
        repo=account.did,
        collection="app.bsky.actor.profile",
        rkey="self",
        record={"$type": "app.bsky.actor.profile", "description": text},
    )


def test_at_a_real_pds(visitor: Visitor, pds: Pds, x: FakeX) -> None:
    """The record is read at the account's own server, which its DID document names."""
    account, on_x = pds.create_account(), x.account("linkedblue")
    visitor.sign_in(pds, account)
    on_x.website = make_page(visitor)
    check(visitor, "linkedblue")
    assert "None of your new profiles links to your page yet" in visitor.get(LINKS).text
    publish_profile(pds, account, f"I was on X.\n{on_x.website}\nNow here.")
    check(visitor, "linkedblue")
    visitor.publish()
    assert found(visitor, "@linkedblue") == [(account.handle, "linked")]
    look_again(visitor.instance)
    look_again(visitor.instance)
    assert found(visitor, "@linkedblue") == [(account.handle, "linked")]


def test_a_post_later_makes_it_stronger(visitor: Visitor, internet: FakeInternet, x: FakeX) -> None:
    ada = AtMastodon(visitor, internet, x, "stronger")
    ada.link()
    check(visitor, "stronger")
    visitor.publish()
    visitor.prove(x, ada.on_x)
    visitor.instance.call(visitor.instance.announce)
    assert found(visitor, str(ada.on_x.id)) == [(f"stronger@{HOST}", "bound")]


@pytest.mark.parametrize("typed", ["", "@", "not a name", "https://evil.example/ada", "a" * 64])
def test_what_is_no_name(visitor: Visitor, internet: FakeInternet, x: FakeX, typed: str) -> None:
    visitor.sign_in_at_mastodon(internet, enrol(internet, f"ada{next(NUMBERS)}"))
    make_page(visitor)
    sent = visitor.send(LINKS, LINKS, x_handle=typed)
    assert sent.status_code == 400
    assert "That is not a name on X" in sent.text


def test_without_a_page_nothing_is_looked_at(visitor: Visitor, internet: FakeInternet) -> None:
    """A form that was put together by hand."""
    visitor.sign_in_at_mastodon(internet, enrol(internet, "nopage"))
    assert 'id="page-address"' not in visitor.get(LINKS).text
    sent = visitor.send(LINKS, LINKS, x_handle="nopage")
    assert sent.status_code >= 400
    assert "please make it public first" in sent.text


def test_where_nothing_shows_x_profiles(
    module_dsn: str, data: Path, internet: FakeInternet, x: FakeX
) -> None:
    """The way is not offered; whoever has its address reads why, and a form made by hand does nothing."""
    with (
        member_instance(module_dsn, data, x=x, open_client=client_of(internet), jobs=False) as closed,
        Visitor(closed) as visitor,
    ):
        visitor.sign_in_at_mastodon(internet, enrol(internet, "closed"))
        assert LINKS not in visitor.get("/account/prove").text
        page = visitor.get(LINKS).text
        assert "This way is not available on this instance" in page
        assert "Check now" not in page
        for path, fields in ((f"{LINKS}/page", {}), (LINKS, {"x_handle": "closed"})):
            sent = visitor.send("/account/prove/sentence", path, **fields)
            assert (sent.status_code, sent.headers["location"]) == (303, LINKS)
        assert fetch(closed, "SELECT FROM link_check WHERE x_handle = 'closed'") == []
        assert "This way is not available" in visitor.get(LINKS).text


@pytest.mark.asyncio(loop_scope="session")
async def test_by_keyboard_in_french_and_live(
    chromium: Browser, visitor: Visitor, internet: FakeInternet, x: FakeX
) -> None:
    """From the sentence that cannot be posted to what is to be public; the progress shows itself."""
    instance = visitor.instance
    await asyncio.to_thread(visitor.sign_in_at_mastodon, internet, enrol(internet, "touche"))
    context = await chromium.new_context(
        base_url=instance.url, locale="fr-FR", viewport={"width": 390, "height": 844}
    )
    for name, value in visitor.client.cookies.items():
        await context.add_cookies([{"name": name, "value": value, "url": instance.url}])
    page = await context.new_page()
    keys = Keyboard(page)
    await page.goto("/account/prove")
    await keys.press(page.get_by_role("link", name="reliez vos profils à votre page"))
    await keys.press(page.get_by_role("button", name="Rendre ma page publique"))
    address = await page.locator("#page-address").inner_text()
    assert await serious_violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    x.account("touche").website = address
    server = internet.sites[HOST]
    assert isinstance(server, FakeServer)
    server.accounts[-1].page_links = [address]
    await keys.write(page.get_by_label("Votre nom sur X"), "@touche")
    await expect(page.locator("h1")).to_have_text("Vérification de vos liens")
    assert await serious_violations(page) == []
    await asyncio.to_thread(instance.call, instance.worker.drain)
    await expect(page.locator("h1")).to_have_text("Qu’est-ce qui sera public\u202f?")
    await expect(page.locator("main")).to_contain_text(f"touche@{HOST}")
    await page.goto(address)
    await expect(page.locator("a[rel~=me]")).to_have_attribute("href", f"https://{HOST}/@touche")
    await context.close()
