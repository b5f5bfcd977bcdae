"""The whole path with a strict Mastodon server, without JavaScript, in French."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, async_playwright, expect

from directory.networks.answers import Answer
from directory.networks.http import GuardedClient
from tests.harness.accessibility import serious_violations
from tests.harness.browser import chromium_path, launch_args
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.site import FakeServer
from tests.harness.fake_x import FakeX
from tests.web.members.instance import MemberInstance, member_instance

pytestmark = pytest.mark.asyncio(loop_scope="module")


class TwoWorlds(GuardedClient):
    """The small internet for names, this machine for X."""

    def __init__(self, internet: GuardedClient) -> None:
        super().__init__("Passerelle/test", allow_loopback=True)
        self._internet = internet

    async def request(self, method: str, url: str, **more: Any) -> Answer:
        if url.startswith("http://127.0.0.1:"):
            return await super().request(method, url, **more)
        return await self._internet.request(method, url, **more)


@pytest.fixture(scope="module")
def internet() -> Iterator[FakeInternet]:
    with FakeInternet() as internet:
        FakeServer.at(internet, "social.test", accounts=["alice"])
        yield internet


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, internet: FakeInternet, x: FakeX) -> Iterator[MemberInstance]:
    @asynccontextmanager
    async def open_client() -> AsyncIterator[GuardedClient]:
        async with internet.client() as inner, TwoWorlds(inner) as client:
            yield client

    with member_instance(module_dsn, data, x=x, open_client=open_client) as running:
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
        base_url=instance.url, ignore_https_errors=True, java_script_enabled=False, locale="fr-FR"
    )
    yield opened
    await opened.close()


async def test_the_whole_path_without_javascript_in_french(
    context: BrowserContext, internet: FakeInternet, x: FakeX
) -> None:
    page = await context.new_page()
    await page.goto("/sign-in")
    await page.get_by_label("Votre compte Bluesky ou Mastodon").fill("@alice@social.test")
    await page.keyboard.press("Enter")
    await page.get_by_label("alice@social.test").check()
    await page.get_by_role("button", name="Authorize").click()
    await expect(page.locator("h1")).to_have_text("Prouvez votre compte X")
    sentence = await page.locator("#sentence").inner_text()
    assert sentence.startswith("Ce compte est aussi")
    post = x.post(x.account("alicesurx"), sentence)
    await page.get_by_label("Lien du post").fill(post.url)
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_have_text("Qu’est-ce qui sera public\u202f?")
    await expect(page.locator("main")).to_contain_text("alice@social.test")
    await page.get_by_label("J’accepte que ceci soit publié").press("Space")
    await page.get_by_role("button", name="Publier").press("Enter")
    await expect(page.locator("main")).to_contain_text("@alicesurx sur X est maintenant alice@social.test")
    await page.get_by_role("button", name="Le montrer sur ma page alice@social.test").click()
    await page.goto("/m/alice@social.test")
    assert await page.locator("main a[rel~=me]").get_attribute("href") == "https://social.test/@alice"
    await page.goto("/x/alicesurx")
    await expect(page.locator(".card")).to_have_count(1)
    await page.goto("/account/leave")
    await page.get_by_label("Oui, supprimer tout").press("Space")
    await page.get_by_role("button", name="Tout supprimer").press("Enter")
    await expect(page.locator("h1")).to_have_text("Vous êtes parti")
    answer = await page.goto("/x/alicesurx")
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


@pytest.mark.parametrize("path", ["/sign-in", "/left-x"])
async def test_nothing_serious_for_axe(chromium: Browser, instance: MemberInstance, path: str) -> None:
    context = await chromium.new_context(base_url=instance.url, viewport={"width": 390, "height": 844})
    page = await context.new_page()
    await page.goto(path)
    assert await serious_violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    await context.close()
