"""The results in a real browser: what Enter does, and where one is after each press."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Download, Page, expect

from tests.harness.instance import RunningInstance

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def page(chromium: Browser, instance: RunningInstance) -> AsyncIterator[Page]:
    """The results of a list of which 122 people are here, on three pages."""
    context = await chromium.new_context(base_url=instance.url)
    opened = await context.new_page()
    await opened.goto("/")
    await bring(opened, 12, 77, *range(10_000, 10_120))
    yield opened
    await context.close()


async def bring(page: Page, *x_ids: int) -> None:
    rows = [{"following": {"accountId": str(x_id)}} for x_id in x_ids]
    content = b"window.YTD.following.part0 = " + json.dumps(rows).encode()
    await page.set_input_files(
        "#archive-drop-files", {"name": "following.js", "mimeType": "text/javascript", "buffer": content}
    )
    await page.wait_for_selector("#results-title")


async def test_enter_in_the_name_filter_filters(page: Page) -> None:
    """Enter presses a form's first button: that was the download, so a file came and nothing was filtered."""
    downloads: list[Download] = []

    def record(download: Download) -> None:
        downloads.append(download)

    page.on("download", record)
    await page.get_by_role("button", name="Next page").click()
    await expect(page.locator("caption")).to_contain_text("Page 2 of 3")
    await page.get_by_label("Name", exact=True).fill("crowd7")
    await page.keyboard.press("Enter")
    await expect(page.locator("caption")).to_contain_text("Page 1 of 1")
    await expect(page.get_by_label("Name", exact=True)).to_have_value("crowd7")
    assert downloads == []


async def test_enter_filters_without_javascript(chromium: Browser, instance: RunningInstance) -> None:
    context = await chromium.new_context(base_url=instance.url, java_script_enabled=False)
    page = await context.new_page()
    await page.goto("/")
    await page.get_by_text("Or paste a list of names").click()
    await page.get_by_label("Names on X, one a line").fill("jack\nnina_3\nlinked")
    await page.get_by_role("button", name="Look them up").click()
    await page.get_by_label("Name", exact=True).fill("nina")
    await page.keyboard.press("Enter")
    await expect(page.locator("caption")).to_contain_text("1 person")
    await context.close()


async def test_the_next_page_begins_at_its_top(page: Page) -> None:
    """One stayed at the foot of the new page, with the focus on the body; the same after "Show"."""
    caption = page.locator("caption")
    await page.get_by_role("button", name="Next page").click()
    await expect(caption).to_contain_text("Page 2 of 3")
    await expect(caption).to_be_focused()
    await expect(caption).to_be_in_viewport()
    await page.get_by_label("Name", exact=True).fill("nobody like that")
    await page.get_by_role("button", name="Show", exact=True).click()
    await expect(page.locator("#results-page")).to_contain_text("Nobody passes this filter")
    await expect(page.locator("#results-page")).to_be_focused()
    await expect(page.locator("#results-page")).to_have_css("outline-style", "none")


async def test_who_ticks_everybody_stays_at_the_button(page: Page) -> None:
    """The count stands far above: it is announced."""
    button = page.get_by_role("button", name="Choose none of these")
    await button.scroll_into_view_if_needed()
    before = await button.bounding_box()
    await button.click()
    await expect(page.locator("body > [aria-live]")).to_contain_text("0 accounts are chosen")
    await expect(button).to_be_focused()
    after = await button.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 2
