"""The pages in a real browser: with script and without, in French, by keyboard, on a phone, in the dark."""

import json
from collections.abc import AsyncIterator
from typing import Final, Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, expect

from tests.harness.accessibility import serious_violations
from tests.harness.instance import RunningInstance

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 800}
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")


def following(*x_ids: int) -> bytes:
    rows = [
        {"following": {"accountId": str(x_id), "userLink": "https://twitter.com/intent/user"}}
        for x_id in x_ids
    ]
    return b"window.YTD.following.part0 = " + json.dumps(rows).encode()


CROWD = following(12, 77, *range(10_000, 10_120), *range(500, 560))


@pytest_asyncio.fixture(loop_scope="session")
async def context(chromium: Browser, instance: RunningInstance) -> AsyncIterator[BrowserContext]:
    opened = await chromium.new_context(base_url=instance.url)
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def plain(chromium: Browser, instance: RunningInstance) -> AsyncIterator[Page]:
    """A browser without JavaScript."""
    opened = await chromium.new_context(base_url=instance.url, java_script_enabled=False)
    yield await opened.new_page()
    await opened.close()


async def drop(page: Page, content: bytes = CROWD) -> None:
    await page.goto("/")
    await page.set_input_files(
        "#archive-drop-files", {"name": "following.js", "mimeType": "text/javascript", "buffer": content}
    )
    await page.wait_for_selector("#results-title")


async def test_an_archive_is_dropped_filtered_and_taken_along(context: BrowserContext) -> None:
    page = await context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    await drop(page)
    await expect(page.locator("#results-title")).to_have_text("122 people are already here")
    await expect(page.locator("#results-title")).to_be_focused()
    await expect(page.locator("tbody tr")).to_have_count(50)
    await page.get_by_role("button", name="Next page").first.click()
    await expect(page.locator("caption")).to_contain_text("Page 2 of 3")
    await page.select_option("select[name=network]", "mastodon")
    await page.get_by_role("button", name="Show", exact=True).click()
    await expect(page.locator("caption")).to_contain_text("1 person")
    async with page.expect_download() as started:
        await page.get_by_role("button", name="Download for Mastodon (CSV)").click()
    download = await started.value
    text = (await download.path()).read_text()
    assert (
        text == "Account address,Show boosts,Notify on new posts,Languages\nJack@social.example,true,false,\n"
    )
    assert problems == []


async def test_ticks_are_kept_over_pages(context: BrowserContext) -> None:
    page = await context.new_page()
    await drop(page)
    await page.locator("tbody input[type=checkbox]").first.uncheck()
    await expect(page.locator(".take")).to_contain_text("121 accounts are chosen")
    await expect(page.get_by_role("button", name="as JSON")).to_contain_text("121 of 121")
    await page.get_by_role("button", name="Next page").first.click()
    await expect(page.locator("caption")).to_contain_text("Page 2 of 3")
    await expect(page.locator(".take")).to_contain_text("121 accounts are chosen")
    await page.get_by_role("button", name="Previous page").first.click()
    await expect(page.locator("caption")).to_contain_text("Page 1 of 3")
    await expect(page.locator("tbody input[type=checkbox]").first).not_to_be_checked()
    await page.get_by_role("button", name="Choose none of these").click()
    await expect(page.locator(".take")).to_contain_text("0 accounts are chosen")
    await page.get_by_role("button", name="Choose all of these").click()
    await expect(page.locator(".take")).to_contain_text("122 accounts are chosen")
    async with page.expect_download() as started:
        await page.get_by_role("button", name="Download the chosen accounts as JSON").click()
    accounts = json.loads((await (await started.value).path()).read_text())
    assert len(accounts) == 122
    assert "torn" not in {account["x_handle"] for account in accounts}


async def test_a_dispute_has_no_box_to_tick(context: BrowserContext) -> None:
    page = await context.new_page()
    await drop(page, following(77))
    row = page.locator("tbody tr")
    await expect(row).to_contain_text("Disputed")
    await expect(row.locator("input")).to_have_count(0)


async def test_the_whole_path_without_javascript(plain: Page) -> None:
    await plain.goto("/")
    await plain.set_input_files(
        "#archive-drop-files", {"name": "following.js", "mimeType": "text/javascript", "buffer": CROWD}
    )
    await plain.get_by_role("button", name="See who is already there").click()
    await expect(plain.locator("#results-title")).to_have_text("122 people are already here")
    await plain.locator("tbody input[type=checkbox]").first.uncheck()
    await plain.get_by_role("button", name="Next page").first.click()
    await expect(plain.locator("caption")).to_contain_text("Page 2 of 3")
    await expect(plain.locator(".take")).to_contain_text("121 accounts are chosen")
    async with plain.expect_download() as started:
        await plain.get_by_role("button", name="Download for Mastodon (CSV)").click()
    assert "Jack@social.example" in (await (await started.value).path()).read_text()


async def test_a_bad_file_without_javascript_is_one_sentence(plain: Page) -> None:
    await plain.goto("/?lang=fr")
    await plain.goto("/?lang=en")
    await plain.set_input_files(
        "#archive-drop-files", {"name": "following.js", "mimeType": "text/javascript", "buffer": b"<html>"}
    )
    await plain.get_by_role("button", name="See who is already there").click()
    await expect(plain.locator("h1")).to_have_text("This archive cannot be read")
    await expect(plain.locator("main")).to_contain_text("following.js")


async def test_an_archive_without_anybody_says_so(plain: Page) -> None:
    await plain.goto("/")
    await plain.set_input_files(
        "#archive-drop-files", {"name": "following.js", "mimeType": "text/javascript", "buffer": following()}
    )
    await plain.get_by_role("button", name="See who is already there").click()
    await expect(plain.locator("main")).to_contain_text("its lists are empty")


async def test_the_search_box_finds_a_person(plain: Page) -> None:
    await plain.goto("/")
    await plain.get_by_label("A name on X").fill(" https://twitter.com/JACK?s=20 ")
    await plain.get_by_role("button", name="Look up").click()
    await expect(plain.locator("h1")).to_have_text("Where @JACK from X is now")
    await expect(plain.locator(".card")).to_have_count(2)
    assert plain.url.endswith("/x/JACK")
    await plain.goto("/search?x=not+a+name")
    await expect(plain.locator("#x-error")).to_contain_text("not a name")
    await expect(plain.get_by_label("A name on X")).to_have_value("not a name")
    await plain.goto("/x/nobody_at_all")
    await expect(plain.locator("main")).to_contain_text("Nobody has said yet")


async def test_a_shared_page_has_a_preview(plain: Page) -> None:
    await plain.goto("/x/jack")
    preview = plain.locator("meta[property='og:description']")
    assert (
        await preview.get_attribute("content")
        == "Bluesky: \u2068jack.bsky.example\u2069, Mastodon: \u2068Jack@social.example\u2069"
    )
    canonical = plain.locator("link[rel=canonical]")
    assert await canonical.get_attribute("href") == "https://find.example/x/jack"


async def test_the_address_of_a_person_is_copied(context: BrowserContext) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await context.new_page()
    await page.goto("/x/jack")
    await page.get_by_role("button", name="Copy").click()
    await expect(page.get_by_text("Copied.")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == "https://find.example/x/jack"


async def test_french_by_the_browser_and_by_choice(chromium: Browser, instance: RunningInstance) -> None:
    context = await chromium.new_context(base_url=instance.url, locale="fr-CA")
    page = await context.new_page()
    await page.goto("/")
    assert await page.locator("html").get_attribute("lang") == "fr"
    await expect(page.locator("h1")).to_have_text("Retrouvez les personnes que vous suiviez sur X")
    await page.get_by_role("link", name="English").click()
    await expect(page.locator("h1")).to_have_text("Find the people you followed on X")
    await page.goto("/about")
    assert await page.locator("html").get_attribute("lang") == "en"
    await context.close()


async def test_by_keyboard_alone(context: BrowserContext) -> None:
    page = await context.new_page()
    await page.goto("/")
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await expect(page.get_by_label("A name on X")).to_be_focused()
    await page.keyboard.type("@jack")
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_have_text("Where @jack from X is now")


SEEN: Final = (
    "/",
    "/x/jack",
    "/x/torn",
    "/x/nobody_at_all",
    "/about",
    "/privacy",
    "/api/docs",
    "/nothing",
    "/search?x=a+b",
)


async def test_nothing_serious_for_axe_and_nothing_beyond_the_edge(context: BrowserContext) -> None:
    """Each page is loaded once, and looked at as people see it: scripts ask for neither the scheme nor the size."""
    page = await context.new_page()
    for path in SEEN:
        await page.goto(path)
        await look(page, path)
    await drop(page)
    await look(page, "results")


async def look(page: Page, name: str) -> None:
    for size in (PHONE, DESKTOP):
        await page.set_viewport_size(size)
        for scheme in SCHEMES:
            # Without motion: half-way from light to dark, no colour is what it should be.
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert await serious_violations(page) == [], (name, size, scheme)
            assert await _is_within(page), (name, size, scheme)


async def test_right_to_left_needs_no_more_than_a_language(context: BrowserContext) -> None:
    """Everything is laid out by logical properties: turned round, nothing leaves the page or overlaps its edge."""
    page = await context.new_page()
    await page.set_viewport_size(PHONE)
    await drop(page)
    await page.evaluate("document.documentElement.dir = 'rtl'")
    assert await _is_within(page)
    brand = await page.locator(".brand").bounding_box()
    assert brand is not None
    assert brand["x"] > 100


async def _is_within(page: Page) -> bool:
    return bool(
        await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    )


async def test_the_page_speaks_with_its_own_instance_alone(context: BrowserContext) -> None:
    """What is in the one POST is looked at in test_archive_reader, against a server that records it."""
    page = await context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url.split('/')[2]}"))
    await drop(page, following(12, 13))
    assert len({line.split()[1] for line in asked}) == 1
    assert sum(line.startswith("POST") for line in asked) == 1
