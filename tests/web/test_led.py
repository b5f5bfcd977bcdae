"""A newcomer is led: what the first page, an empty result and a phone tell somebody who has never been here."""

import re

import httpx
import pytest
from playwright.async_api import Browser, expect

from tests.harness.instance import RunningInstance, running_instance
from tests.harness.pages import as_read
from web.texts import gather

PHONE = {"width": 390, "height": 844}


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", as_read(html)).split())


def test_the_first_page_has_the_figures_of_this_instance(client: httpx.Client) -> None:
    page = client.get("/").text
    assert "Who can be found here People 126 Instances they are members of 2" in text_of(page)
    assert "Who can be found here" in client.get("/search?x=not+a+name").text


def test_the_first_page_is_there_without_a_database(module_dsn: str) -> None:
    """Figures alone would have taken the page away, and with it the reader of archives."""
    with running_instance(module_dsn) as stopped:
        stopped.call(stopped.database.close)
        answer = httpx.get(stopped.url, trust_env=False)
    assert answer.status_code == 200
    assert "Who can be found here" not in answer.text
    assert "Bring your X archive" in answer.text


def test_the_archive_help_links_to_the_page_of_x_in_eight_steps(client: httpx.Client) -> None:
    page = client.get("/").text
    assert 'href="https://x.com/settings/download_your_data"' in page
    help_text = page[page.index('id="get-archive"') :]
    assert help_text[: help_text.index("</ol>")].count("<li>") == 8


def test_nobody_found_leads_on(client: httpx.Client) -> None:
    answer = client.post("/results", files={"pairs": (None, "4711,,f")})
    said = text_of(answer.text)
    assert "Nobody from your list is here yet" in said
    assert "archive" not in said, "names that were pasted are none"
    assert "Come back in a few weeks, with the same list." in said
    assert "Tell the people you miss about this page: https://find.example" in said


def test_nobody_is_told_to_drop_but_by_the_one_sentence_for_a_mouse() -> None:
    """A phone was told to drop things, in eight sentences."""
    texts = (each.id if isinstance(each.id, str) else each.id[1] for each in gather() if each.id)
    told = {text for text in texts if re.search(r"\b[Dd]rop (?:it|the|your|them|following)\b", text)}
    assert told == {"Drop the ZIP anywhere on this page, or choose it."}


@pytest.mark.asyncio(loop_scope="session")
async def test_a_phone_is_told_to_choose(chromium: Browser, instance: RunningInstance) -> None:
    context = await chromium.new_context(
        base_url=instance.url,
        viewport=PHONE,  # type: ignore[arg-type]  # Playwright's own TypedDict is not exported
        has_touch=True,
        is_mobile=True,
    )
    page = await context.new_page()
    await page.goto("/")
    await expect(page.get_by_text("Drop the ZIP anywhere")).to_be_hidden()
    await expect(page.get_by_text("Choose the ZIP: on a phone")).to_be_visible()
    await context.close()
