"""The browser that the tests drive starts, and runs the scripts of a page."""

import pytest
from playwright.async_api import Browser

from tests.harness.browser import chromium_fixture

pytestmark = pytest.mark.asyncio(loop_scope="module")
chromium = chromium_fixture()


async def test_a_page_runs_its_script(chromium: Browser) -> None:
    page = await chromium.new_page()
    await page.set_content("<button onclick='document.title = 6 * 7'>Go</button>")
    await page.get_by_role("button", name="Go").click()
    assert await page.title() == "42"
    await page.close()


async def test_the_browser_serves_more_than_one_test(chromium: Browser) -> None:
    context = await chromium.new_context(java_script_enabled=False, locale="fr-FR")
    page = await context.new_page()
    await page.set_content("<noscript>without</noscript>")
    assert await page.get_by_text("without").is_visible()
    await context.close()
