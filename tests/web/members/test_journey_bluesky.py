"""From sign-in to published and gone again: a real browser, a real PDS, and the log's sequencer running."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from tests.harness.fake_x import FakeAccount, FakeX
from tests.peers.pds import Account, Pds
from tests.web.members.effort import Effort
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.walks import post_the_sentence, publish_first, sign_in_with_bluesky

pytestmark = pytest.mark.asyncio(loop_scope="session")

MAX_PAGES = 3
MAX_PERSON_S = 120
MAX_MACHINE_S = 30
"""Generous: this machine may be busy. The time itself is in docs/members.md."""


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, pds: Pds, x: FakeX) -> Iterator[MemberInstance]:
    """As `passerelle serve` runs it: what is published answers once the log says it."""
    with member_instance(module_dsn, data, pds=pds, x=x, log="running") as running:
        yield running


async def look_up(instance: MemberInstance, name: str) -> list[dict[str, object]]:
    async with httpx.AsyncClient(base_url=instance.url, trust_env=False) as client:
        answer = await client.get("/api/v1/lookup", params={"x": name})
    return list(answer.json()["answers"]) if answer.status_code == 200 else []


async def test_from_sign_in_to_published_and_withdrawn(
    page: Page, instance: MemberInstance, pds: Pds, x: FakeX
) -> None:
    """The page after publishing goes from "in a moment" to "now" by itself, and says so once."""
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    account = await asyncio.to_thread(pds.create_account)
    await sign_in_with_bluesky(page, account)
    await post_the_sentence(page, x, x.account("walker"))
    await expect(page.locator("h1")).to_have_text("What shall be public?")
    loads: list[str] = []
    await page.add_init_script(
        "addEventListener('DOMContentLoaded', () => {"
        " window.news = [];"
        " const place = document.getElementById('published-news');"
        " if (place) new MutationObserver(() => window.news.push(place.textContent.trim()))"
        "  .observe(place, {childList: true, characterData: true, subtree: true}) })"
    )
    page.on("framenavigated", lambda frame: loads.append(frame.url.removeprefix(instance.url)))
    await publish_first(page)
    assert loads == ["/account/published"]
    assert await page.title() == "You can be found now · Passerelle"
    assert [said for said in await page.evaluate("window.news") if said] == ["You can be found now"]
    await expect(page.locator("main")).to_contain_text(f"@walker on X is now {account.handle} on Bluesky.")
    answers = await look_up(instance, "walker")
    assert [(answer["id"], answer["origin"]) for answer in answers] == [(account.did, "localhost/log")]
    await page.get_by_role("link", name="See it as others do").click()
    await expect(page.locator(".card")).to_contain_text(account.handle)

    await page.goto("/account")
    await page.get_by_role("button", name=f"Show it on my page {account.handle}").click()
    await page.get_by_role("link", name=f"/m/{account.handle}").click()
    assert await page.locator("main a[rel~=me]").get_attribute("href") == (
        f"https://bsky.app/profile/{account.did}"
    )
    await page.goto("/account/published")
    await page.locator("summary", has_text="Take it back").click()
    assert await look_up(instance, "walker") != [], "it asks first"
    await page.get_by_role("button", name="Yes, take it back").click()
    await expect(page.get_by_role("status")).to_contain_text("Taken back: it no longer answers here")
    await expect(page.locator("main")).to_contain_text("Nothing yet")
    assert await look_up(instance, "walker") == []
    await page.goto("/account/published")
    assert page.url == f"{instance.url}/account"
    assert problems == []


async def test_three_pages_and_less_than_two_minutes(
    context: BrowserContext, instance: MemberInstance, pds: Pds, x: FakeX
) -> None:
    """Every click and key is counted, on our pages and on the others'; each page of ours is read to its end."""
    effort = await Effort.watching(context, instance.url)
    author = x.account("inahurry")
    posted: list[str] = []
    await context.route("https://x.com/**", lambda route: x_page(route, x, author, posted))
    account = await asyncio.to_thread(pds.create_account)
    page = await context.new_page()
    await page.goto("/sign-in")
    started = time.monotonic()
    await effort.read(page)
    await page.get_by_label("Your Bluesky or Mastodon account").click()
    await page.keyboard.type(account.handle)
    await page.keyboard.press("Enter")
    await agree_by_hand(page, account, effort)

    await expect(page.locator("h1")).to_have_text("Prove your X account")
    await effort.read(page)
    async with context.expect_page() as opened:
        await page.get_by_role("link", name="Open X with this sentence").click()
    x_tab = await opened.value
    await x_tab.get_by_role("button", name="Post").click()
    await expect(x_tab.locator("h1")).to_have_text("Posted")
    await x_tab.close()
    await page.get_by_label("Link of the post").click()
    await paste(page, posted[0])
    await page.keyboard.press("Enter")

    await expect(page.locator("h1")).to_have_text("What shall be public?")
    await effort.read(page)
    await page.get_by_label("I agree that this is published").click()
    await page.get_by_role("button", name="Publish").click()
    await expect(page.locator("h1")).to_have_text("You can be found now")
    machine_s = time.monotonic() - started
    assert await look_up(instance, "inahurry") != []

    assert effort.our_pages == ["/sign-in", "/account/prove", "/account/publish"]
    assert len(effort.our_pages) <= MAX_PAGES
    assert effort.totals["paste"] == 1
    assert effort.seconds_acting + effort.seconds_reading < MAX_PERSON_S, effort
    assert machine_s < MAX_MACHINE_S


async def agree_by_hand(page: Page, account: Account, effort: Effort) -> None:
    """The way through the real pages of the PDS, with each key pressed."""
    await expect(page.get_by_role("textbox", name="Password")).to_be_visible()
    await effort.read(page)
    # The page has put the focus there.
    await page.keyboard.type(account.password)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Authorize")).to_be_visible()
    await effort.read(page)
    await page.get_by_role("button", name="Authorize").click()


async def paste(page: Page, text: str) -> None:
    """From the clipboard, by its keys."""
    await page.evaluate("(text) => navigator.clipboard.writeText(text)", text)
    await page.keyboard.press("Control+v")


async def x_page(route: Route, x: FakeX, author: FakeAccount, posted: list[str]) -> None:
    """What somebody sees who is signed in to X: the sentence stands there, one button posts it."""
    asked = urlsplit(route.request.url)
    if asked.path == "/posted":
        await route.fulfill(content_type="text/html", body="<!doctype html><h1>Posted</h1>")
        return
    (sentence,) = parse_qs(asked.query)["text"]
    posted.append((await asyncio.to_thread(x.post, author, sentence)).url)
    form = "<!doctype html><form action=/posted><button>Post</button></form>"
    await route.fulfill(content_type="text/html", body=form)
