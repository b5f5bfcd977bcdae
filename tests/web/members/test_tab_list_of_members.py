"""What a tab remembers of a list is gone once somebody signs out or leaves, and a member's own pages add nothing to it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.mappings import bluesky
from tests.web.archives import write_zip
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.visitors import Visitor
from tests.web.members.worlds import client_of, enrol

pytestmark = pytest.mark.asyncio(loop_scope="session")
LIST = "/account/list"
IS_EMPTY = "sessionStorage.length === 0"


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, internet: FakeInternet) -> Iterator[MemberInstance]:
    with member_instance(module_dsn, data, open_client=client_of(internet)) as running:
        running.call(lambda: running.mappings().add([bluesky("here", 12)]))
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def page(
    chromium: Browser, instance: MemberInstance, internet: FakeInternet, request: pytest.FixtureRequest
) -> AsyncIterator[Page]:
    """The first page, for somebody who is signed in."""
    context = await chromium.new_context(base_url=instance.url)
    with Visitor(instance) as visitor:
        visitor.sign_in_at_mastodon(internet, enrol(internet, request.node.name[5:35]))
        visitor.send(LIST, f"{LIST}/consent", version="1")
        cookies = visitor.client.cookies.items()
        await context.add_cookies(
            [{"name": name, "value": value, "url": instance.url} for name, value in cookies]
        )
    opened = await context.new_page()
    await opened.goto("/")
    yield opened
    await context.close()


async def bring(page: Page, folder: Path) -> None:
    await page.get_by_label("The ZIP from X, or files of it").set_input_files(write_zip(folder))
    await expect(page.locator("#results h2")).to_be_visible()


async def test_who_signs_out_leaves_no_list_in_any_tab(page: Page, tmp_path: Path) -> None:
    """Attack: the next person at the same machine goes back, or to another tab, and sees whom somebody followed."""
    await bring(page, tmp_path)
    other = await page.context.new_page()
    await other.goto("/")
    await bring(other, tmp_path)
    third = await page.context.new_page()
    await third.goto("/")
    await bring(third, tmp_path)
    await third.goto("/about")
    await page.goto("/account")
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await page.wait_for_url("/")
    assert await page.evaluate(IS_EMPTY)
    await expect(other.locator("#results")).to_be_empty()
    assert await other.evaluate(IS_EMPTY)
    await third.go_back()
    await expect(third.locator("#results")).to_be_empty()
    assert await third.evaluate(IS_EMPTY)
    await page.go_back()
    await page.go_back()
    await expect(page.locator("#results")).to_be_empty()


async def test_who_leaves_leaves_no_list(page: Page, tmp_path: Path) -> None:
    await bring(page, tmp_path)
    await page.goto("/account/leave")
    await page.get_by_label("Yes, delete everything of mine here.").check()
    await page.get_by_role("button", name="Delete everything").click()
    await expect(page.locator("h1")).to_have_text("You have left")
    assert await page.evaluate(IS_EMPTY)


async def test_the_tab_remembers_nothing_of_a_kept_list(page: Page, tmp_path: Path) -> None:
    await page.goto(LIST)
    await bring(page, tmp_path)
    await expect(page.locator("#results h2")).to_have_text("2 people are kept")
    assert await page.evaluate(IS_EMPTY)


async def test_who_is_signed_out_by_unlinking_leaves_no_list(
    page: Page, instance: MemberInstance, internet: FakeInternet, tmp_path: Path
) -> None:
    """It says that this browser is signed out, and the tabs went on showing whom somebody followed."""
    with Visitor(instance) as visitor:
        for cookie in await page.context.cookies():
            visitor.client.cookies.set(cookie.get("name", ""), cookie.get("value", ""))
        visitor.sign_in_at_mastodon(internet, enrol(internet, "second_one"), page="/account")
    await bring(page, tmp_path)
    await page.goto("/account")
    card = page.locator("li.card", has_text="This browser is signed in with it").first
    await card.locator("summary", has_text="Unlink").click()
    await card.get_by_role("button", name="Yes, unlink it").click()
    await expect(page.locator("h1")).to_have_text("You are signed out")
    assert await page.evaluate(IS_EMPTY)


async def test_without_a_session_a_download_leads_to_the_sign_in(page: Page) -> None:
    """Before leaving, after a night: the page of the sign-in was saved as the file of everything of theirs."""
    await page.goto("/account/leave")
    await page.context.clear_cookies()
    await page.get_by_role("link", name="Download everything first").click()
    await expect(page.locator("h1")).to_have_text("Sign in, and be found")


async def test_a_download_is_a_file(page: Page) -> None:
    await page.goto("/account/leave")
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Download everything first").click()
    assert (await downloading.value).suggested_filename.endswith(".zip")
    await expect(page.locator("h1")).to_have_text("Leave without a trace")
