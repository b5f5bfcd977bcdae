"""From sign-in to published and gone again, in a real browser, with a real PDS."""

import asyncio

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.harness.accessibility import serious_violations
from tests.harness.browser import chromium_fixture
from tests.harness.fake_x import FakeX
from tests.peers.pds import Pds
from tests.web.members.instance import MemberInstance
from tests.web.members.walks import post_the_sentence, publish_first, sign_in_with_bluesky

pytestmark = pytest.mark.asyncio(loop_scope="module")
chromium = chromium_fixture()


async def look_up(instance: MemberInstance, name: str) -> list[dict[str, object]]:
    async with httpx.AsyncClient(base_url=instance.url, trust_env=False) as client:
        answer = await client.get("/api/v1/lookup", params={"x": name})
    return list(answer.json()["answers"]) if answer.status_code == 200 else []


async def test_from_sign_in_to_published_and_withdrawn(
    page: Page, instance: MemberInstance, pds: Pds, x: FakeX
) -> None:
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    visited: list[str] = []
    page.on("framenavigated", lambda frame: visited.append(frame.url))
    account = await asyncio.to_thread(pds.create_account)
    author = x.account("walker")
    await page.goto("/sign-in")
    assert await serious_violations(page) == []
    await sign_in_with_bluesky(page, account)
    assert await serious_violations(page) == []
    await post_the_sentence(page, x, author)
    await publish_first(page)
    ours = [url for url in visited if url.startswith(instance.url)]
    shown = {url.removeprefix(instance.url).partition("?")[0] for url in ours}
    assert shown - {"/oauth/bluesky/callback"} == {
        "/sign-in",
        "/account/prove",
        "/account/publish",
        "/account",
    }
    await expect(page.locator("main")).to_contain_text("@walker on X is now")
    assert await serious_violations(page) == []
    answers = await look_up(instance, "walker")
    assert [str(answer["id"]) for answer in answers] == [account.did]
    await page.get_by_role("button", name="Take it back").click()
    await expect(page.locator("main")).to_contain_text("Nothing yet")
    assert await look_up(instance, "walker") == []
    assert problems == []
