"""The browser that the tests drive starts, and runs the scripts of a page."""

import contextlib
from collections.abc import Iterator
from typing import Final

import psutil
import pytest
from playwright.async_api import Browser

from tests.harness.accessibility import serious_violations
from tests.harness.browser import chromium_fixture

pytestmark = pytest.mark.asyncio(loop_scope="module")
chromium = chromium_fixture()
DISABLED: Final = "--disable-features="


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


async def test_what_is_serious_for_axe_is_found_each_time(chromium: Browser) -> None:
    """axe is brought to a page once: what changes there afterwards is looked at, and a new page too."""
    page = await chromium.new_page()
    for text in ("first", "second"):
        await page.set_content(f"<html lang=en><title>t</title><main><h1>{text}</h1><img src=x></main>")
        assert [line.partition(":")[0] for line in await serious_violations(page)] == ["image-alt"]
        await page.locator("img").evaluate("image => image.alt = 'a picture'")
        assert await serious_violations(page) == []
        await page.locator("h1").evaluate("title => title.style = 'color: #ccc; background: #fff'")
        (line,) = await serious_violations(page)
        assert line.startswith("color-contrast: ")
        assert text in line
        await page.goto("data:text/html,")
    await page.close()


async def test_what_playwright_disables_stays_disabled(chromium: Browser) -> None:
    """Chromium heeds the last list alone, which is ours: a newer Playwright may disable more."""
    page = await chromium.new_page()
    lists = [
        [word for word in command if word.startswith(DISABLED)]
        for command in commands()
        if "--remote-debugging-pipe" in command and not any(map(is_kind_of_child, command))
    ]
    assert lists
    for playwright, ours in lists:
        assert features(ours) > features(playwright)
    await page.close()


def commands() -> Iterator[list[str]]:
    """Returns the command lines of the processes that this one has started, but of those that have ended."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            yield process.cmdline()


def is_kind_of_child(word: str) -> bool:
    """A process of the browser's own, such as one that renders: it is handed both lists as one."""
    return word.startswith("--type=")


def features(argument: str) -> set[str]:
    return set(argument.removeprefix(DISABLED).split(","))
