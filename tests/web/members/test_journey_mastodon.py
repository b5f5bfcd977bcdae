"""The whole path with a strict Mastodon server: by keyboard, without JavaScript, in English and in French.

Two applications answer in turn, as two web processes do: no step may need what the one before kept in its memory.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, async_playwright, expect

from tests.harness.browser import chromium_path, launch_args
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.site import FakeServer
from tests.harness.fake_x import FakeX
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.keyboard import Keyboard
from tests.web.members.worlds import client_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def internet() -> Iterator[FakeInternet]:
    with FakeInternet() as internet:
        FakeServer.at(internet, "social.test", accounts=["alice", "bob"])
        yield internet


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, internet: FakeInternet, x: FakeX) -> Iterator[MemberInstance]:
    opening = client_of(internet)
    with member_instance(module_dsn, data, x=x, open_client=opening, log="by hand", processes=2) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium(internet: FakeInternet) -> AsyncIterator[Browser]:
    """A browser for which the small internet is the internet."""
    async with async_playwright() as playwright:
        args = [*launch_args(), *internet.chromium_args()]
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=args)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def context(chromium: Browser, instance: MemberInstance) -> AsyncIterator[BrowserContext]:
    opened = await chromium.new_context(
        base_url=instance.url, ignore_https_errors=True, java_script_enabled=False
    )
    yield opened
    await opened.close()


@dataclass(frozen=True)
class Words:
    """What the pages say, in a language."""

    person: str
    x_handle: str
    account: str
    prove: str
    link: str
    shall_be_public: str
    agree: str
    publish: str
    in_a_moment: str
    found: str
    others: str
    show: str
    sure: str
    delete: str
    left: str


ENGLISH: Final = Words(
    person="alice",
    x_handle="alice_on_x",
    account="Your Bluesky or Mastodon account",
    prove="Prove your X account",
    link="Link of the post",
    shall_be_public="What shall be public?",
    agree="I agree that this is published",
    publish="Publish",
    in_a_moment="Public in a moment",
    found="You can be found now",
    others="See it as others do",
    show="Show it on my page alice@social.test",
    sure="Yes, delete everything of mine here.",
    delete="Delete everything",
    left="You have left",
)
FRENCH: Final = Words(
    person="bob",
    x_handle="bob_sur_x",
    account="Votre compte Bluesky ou Mastodon",
    prove="Prouvez votre compte X",
    link="Lien du post",
    shall_be_public="Qu’est-ce qui sera public\u202f?",
    agree="J’accepte que ceci soit publié",
    publish="Publier",
    in_a_moment="Public dans un instant",
    found="On peut vous trouver maintenant",
    others="Le voir comme les autres",
    show="Le montrer sur ma page bob@social.test",
    sure="Oui, supprimer tout ce qui est à moi ici.",
    delete="Tout supprimer",
    left="Vous êtes parti",
)


@pytest.mark.parametrize(("language", "words"), [("en", ENGLISH), ("fr", FRENCH)])
async def test_the_whole_path_by_keyboard_without_javascript(
    context: BrowserContext, instance: MemberInstance, x: FakeX, language: str, words: Words
) -> None:
    """From the first page to the receipt, with keys alone; the pages load themselves again where one waits."""
    page = await context.new_page()
    await context.set_extra_http_headers({"accept-language": language})
    keys = Keyboard(page)
    name = f"{words.person}@social.test"
    await page.goto("/sign-in")
    await keys.write(page.get_by_label(words.account), name)
    await keys.choose(page.get_by_label(name))
    await keys.press(page.get_by_role("button", name="Authorize"))

    await expect(page.locator("h1")).to_have_text(words.prove)
    post = x.post(x.account(words.x_handle), await page.locator("#sentence").inner_text())
    await keys.write(page.get_by_label(words.link), post.url)

    await expect(page.locator("h1")).to_have_text(words.shall_be_public)
    await expect(page.locator("main")).to_contain_text(name)
    await keys.choose(page.get_by_label(words.agree))
    await keys.press(page.get_by_role("button", name=words.publish))

    # The log is written by hand here, so that nothing depends on who is faster.
    await expect(page.locator("h1")).to_have_text(words.in_a_moment)
    await asyncio.to_thread(instance.call, instance.write_log)
    await expect(page.locator("h1")).to_have_text(words.found)
    await keys.press(page.get_by_role("link", name=words.others))
    await expect(page.locator(".card")).to_contain_text(name)

    await page.goto("/account")
    show = page.get_by_role("button", name=words.show)
    await keys.press(show)
    await expect(show).to_have_count(0)  # to leave before that would take the form back
    await page.goto(f"/m/{name}")
    assert (
        await page.locator("main a[rel~=me]").get_attribute("href") == f"https://social.test/@{words.person}"
    )

    await page.goto("/account/leave")
    await keys.choose(page.get_by_label(words.sure))
    await keys.press(page.get_by_role("button", name=words.delete))
    await expect(page.locator("h1")).to_have_text(words.left)
    answer = await page.goto(f"/x/{words.x_handle}")
    assert answer is not None
    assert answer.status == 404


async def test_a_person_says_no_and_a_server_that_is_none(context: BrowserContext) -> None:
    page = await context.new_page()
    await page.goto("/sign-in?lang=en")
    await page.get_by_label("Your Bluesky or Mastodon account").fill("alice@social.test")
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_role("button", name="Deny").click()
    await expect(page.locator("[role=alert]")).to_contain_text("You said no at your server")
    await page.get_by_label("Your Bluesky or Mastodon account").fill("nobody@nowhere.test")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.locator("[role=alert]")).to_contain_text("does not answer")
    await expect(page.get_by_label("Your Bluesky or Mastodon account")).to_have_value("nobody@nowhere.test")
