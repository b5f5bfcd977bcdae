"""The list that a tab remembers: brought again by a reload, another language and "Back", forgotten when one says so."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from tests.harness.instance import RunningInstance
from tests.web.test_results_browser import bring

pytestmark = pytest.mark.asyncio(loop_scope="session")

STORED = "JSON.stringify({...sessionStorage})"


@pytest_asyncio.fixture(loop_scope="session")
async def page(chromium: Browser, instance: RunningInstance) -> AsyncIterator[Page]:
    """The results of a list of which 122 people are here, on three pages."""
    context = await chromium.new_context(base_url=instance.url)
    opened = await context.new_page()
    await opened.goto("/")
    await bring(opened, 12, 77, *range(10_000, 10_120))
    yield opened
    await context.close()


async def expect_filtered(page: Page) -> None:
    await expect(page.locator("caption")).to_contain_text("2")
    await expect(page.locator("select[name=order]")).to_have_value("newest")
    await expect(page.locator("tbody input[type=checkbox]").first).not_to_be_checked()


async def test_a_reload_another_language_and_back_bring_the_results_again(page: Page) -> None:
    """Each of them showed the first page, without a word: the archive had to be read once more."""
    await page.select_option("select[name=order]", "newest")
    await page.get_by_role("button", name="Show", exact=True).click()
    await page.get_by_role("button", name="Next page").click()
    await expect(page.locator("caption")).to_contain_text("Page 2 of 3")
    await page.locator("tbody input[type=checkbox]").first.uncheck()
    await page.reload()
    await expect_filtered(page)
    await expect(page.locator("tbody input[type=checkbox]").first).to_be_in_viewport()
    await expect(page.get_by_role("status")).to_contain_text("the list that this tab remembers")
    await page.get_by_role("link", name="Français").click()
    await expect_filtered(page)
    await expect(page.locator("html")).to_have_attribute("lang", "fr")
    await expect(page.locator("#results-title")).to_be_in_viewport()
    await page.locator("tbody th a").first.click()
    await page.wait_for_url("**/x/**")
    await page.go_back()
    await expect_filtered(page)


async def test_a_list_of_names_comes_again_in_another_language(page: Page) -> None:
    await page.goto("/about")
    await page.goto("/")
    await page.get_by_text("Or paste a list of names").click()
    await page.get_by_label("Names on X, one a line").fill("jack\nnina_3")
    await page.get_by_role("button", name="Look them up").click()
    await page.get_by_role("link", name="Français").click()
    await expect(page.locator("caption")).to_contain_text("2 personnes")


async def test_it_is_forgotten_by_a_button_and_never_leaves_the_tab(page: Page) -> None:
    assert "10119" in await page.evaluate(STORED)
    assert await page.evaluate("JSON.stringify({...localStorage})") == "{}"
    assert "10119" not in str(await page.context.cookies())
    other = await page.context.new_page()
    await other.goto("/")
    assert await other.evaluate(STORED) == "{}"
    await page.get_by_role("button", name="Forget it").click()
    await expect(page.locator("#results")).to_be_empty()
    await expect(page.get_by_role("status")).to_have_text("The list is forgotten.")
    assert await page.evaluate(STORED) == "{}"
    await page.reload()
    await expect(page.locator("[data-archive-drop][data-state=idle]")).to_be_visible()
    await expect(page.locator("#results")).to_be_empty()
    await expect(page.get_by_role("button", name="Forget it")).to_be_hidden()


async def test_nothing_brings_a_forgotten_list_back(chromium: Browser, instance: RunningInstance) -> None:
    """What was forgotten, by the button or by signing out in another tab, was one press away from coming back: the next
    portion of it was still offered, and the archive still chosen."""
    context = await chromium.new_context(base_url=instance.url)
    page = await context.new_page()

    async def in_portions(route: Route) -> None:
        answer = await route.fetch()
        body = (await answer.text()).replace('data-max-people="100000"', 'data-max-people="2"')
        await route.fulfill(response=answer, body=body)

    await page.route("**/", in_portions)
    await page.goto("/")
    await bring(page, 12, 77, 10_000)
    await expect(page.get_by_role("button", name="Look up the next 1 person")).to_be_visible()
    await page.get_by_role("button", name="Forget it").click()
    await expect(page.locator("[data-part=next]")).to_be_hidden()
    await page.get_by_role("button", name="See who is already there").click()
    await expect(page.get_by_role("alert")).to_contain_text("No file of an X archive was chosen.")
    assert await page.evaluate(STORED) == "{}"
    await context.close()


async def test_who_opens_the_first_page_anew_is_not_taken_down_to_the_results(page: Page) -> None:
    await page.get_by_role("link", name="Passerelle").click()
    await expect(page.locator("#results-title")).to_be_attached()
    assert await page.evaluate("scrollY") == 0


async def test_a_list_beyond_what_the_browser_keeps_leaves_those_who_were_found(page: Page) -> None:
    """The browser refuses more than about five million characters."""
    await page.evaluate("sessionStorage.setItem('filled', '-'.repeat(5_200_000))")
    await bring(page, 12, *range(10**17, 10**17 + 5_000))
    await expect(page.locator("#results-title")).to_contain_text("1 person is already here")
    await expect(page.get_by_role("button", name="Forget it")).to_be_visible()
    stored = await page.evaluate("sessionStorage.getItem('passerelle.pairs')")
    assert stored.startswith("\n12,")
    assert len(stored) < 100


async def test_nothing_is_remembered_where_the_browser_keeps_nothing(
    chromium: Browser, instance: RunningInstance
) -> None:
    context = await chromium.new_context(base_url=instance.url)
    await context.add_init_script("""
        for (const name of ["sessionStorage", "localStorage"])
            Object.defineProperty(window, name, { get() { throw new DOMException("off", "SecurityError"); } });
    """)
    page = await context.new_page()
    await page.goto("/")
    await bring(page, 12)
    await expect(page.locator("#results-title")).to_contain_text("1 person is already here")
    await expect(page.get_by_role("button", name="Forget it")).to_be_hidden()
    await context.close()
