"""In a real browser: choose, start, watch live, close, come back, pause, undo; by keyboard, in French, on a phone."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, expect

from directory.follows.reasons import Reason
from directory.identifiers import XId
from directory.queries import Lists, Query
from tests.harness.accessibility import serious_violations
from tests.harness.fake_x import FakeX
from tests.harness.mappings import bluesky
from tests.web.members.follow_worlds import HandRun, account_of, find, friend, keep_list, permit, show_faces
from tests.web.members.gallery import Names, People, Person
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.keyboard import Keyboard
from tests.web.members.test_accessibility import DESKTOP, PHONE, SMALL_PHONE, sticking_out

PATIENCE_MS: Final = 20_000
"""For news, which come every two seconds on a machine with nothing else to do."""
pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, x: FakeX) -> Iterator[MemberInstance]:
    with member_instance(module_dsn, data, x=x, jobs=False, log="by hand") as running:
        find(running, [bluesky(friend(number), number) for number in range(1, 61)])
        yield running


@pytest.fixture
def person(instance: MemberInstance) -> Person:
    """A member with a kept list of 60 people, who has permitted follows."""
    return member_with_list(instance, People(instance).join("walker"))


@pytest.fixture
def hand(instance: MemberInstance) -> HandRun:
    return HandRun(instance)


def member_with_list(instance: MemberInstance, person: Person) -> Person:
    keep_list(instance, person.member, [Query(XId(number), None, Lists.FOLLOWING) for number in range(1, 61)])
    permit(instance, account_of(instance, person.member))
    return person


async def enter(chromium: Browser, instance: MemberInstance, person: Person, **more: Any) -> BrowserContext:
    context = await chromium.new_context(base_url=instance.url, **more)
    await context.add_cookies([{"name": "passerelle", "value": person.token, "url": instance.url}])
    return context


async def start_run(page: Page) -> str:
    """Starts a run of the kept list; the path of its page."""
    await page.goto("/account/follow?source=kept-list")
    await page.get_by_role("button", name="Follow them for me").click()
    await expect(page.locator(".said")).to_contain_text("Started.", timeout=PATIENCE_MS)
    return page.url.partition("?")[0]


async def test_choose_start_watch_close_come_back_pause_and_undo(
    chromium: Browser, instance: MemberInstance, person: Person, hand: HandRun
) -> None:
    context = await enter(chromium, instance, person)
    page = await context.new_page()
    await page.goto("/account/follow?source=kept-list")
    await expect(page.locator("#plan-title")).to_have_text("60 people to follow")
    await page.locator("input[name=tick]").first.uncheck()
    await page.get_by_role("button", name="Never offer").nth(1).click()
    await expect(page.locator("#plan-title")).to_have_text("58 people to follow")
    await page.get_by_role("button", name="Follow them for me").click()
    await expect(page.locator(".said")).to_contain_text("Started.", timeout=PATIENCE_MS)
    path, run = page.url.partition("?")[0], hand.only(person.member)
    await expect(page.get_by_text("0 of 58 people")).to_be_visible()

    hand.begin(run)
    hand.follow(run, range(10))
    await expect(page.get_by_text("10 of 58 people")).to_be_visible(timeout=PATIENCE_MS)
    await expect(page.locator("#run-people tbody tr").first).to_contain_text("Followed")

    await page.close()
    hand.follow(run, range(10, 20))
    page = await context.new_page()
    await page.goto(path)
    await expect(page.get_by_text("20 of 58 people")).to_be_visible()

    await page.get_by_text("Pause", exact=True).click()
    await page.get_by_role("button", name="Pause it").click()
    await expect(page.locator(".said")).to_contain_text("Paused.", timeout=PATIENCE_MS)
    await page.get_by_text("Undo it all", exact=True).click()
    await page.get_by_role("button", name="Take all of it back").click()
    await expect(page.locator(".said")).to_contain_text("being taken back")
    hand.finish_undo(run)
    await expect(page.get_by_text("was taken back")).to_be_visible(timeout=PATIENCE_MS)
    await context.close()


async def test_by_keyboard_alone_and_without_a_script(
    chromium: Browser, instance: MemberInstance, person: Person, hand: HandRun
) -> None:
    context = await enter(chromium, instance, person, java_script_enabled=False)
    page = await context.new_page()
    await page.goto("/account/follow")
    await page.get_by_role("link", name="From the list we keep for you").press("Enter")
    await page.get_by_role("button", name="Follow them for me").press("Enter")
    await expect(page.locator(".said")).to_contain_text("Started.", timeout=PATIENCE_MS)
    run = hand.only(person.member)
    hand.begin(run)
    hand.follow(run, [0])
    await page.get_by_role("link", name="Look again").press("Enter")
    await expect(page.get_by_text("1 of 60 people")).to_be_visible()
    await context.close()


async def test_every_act_is_reached_by_tab(
    chromium: Browser, instance: MemberInstance, person: Person, hand: HandRun
) -> None:
    context = await enter(chromium, instance, person)
    page = await context.new_page()
    keyboard = Keyboard(page)
    await page.goto("/account/follow?source=kept-list")
    await keyboard.press(page.get_by_role("button", name="Follow them for me"))
    await expect(page.locator(".said")).to_contain_text("Started.", timeout=PATIENCE_MS)
    hand.begin(hand.only(person.member))
    await page.reload()
    await keyboard.press(page.locator("summary", has_text="Pause"))
    await keyboard.press(page.get_by_role("button", name="Pause it"))
    await expect(page.locator(".said")).to_contain_text("Paused.", timeout=PATIENCE_MS)
    await context.close()


async def test_enter_in_a_field_starts_nothing(
    chromium: Browser, instance: MemberInstance, person: Person, hand: HandRun
) -> None:
    """Attack on the hasty: Enter in a field of a form presses its first button, which must not be the one that starts."""
    context = await enter(chromium, instance, person)
    page = await context.new_page()
    await page.goto("/account/follow?source=kept-list")
    await page.locator("#starts-on").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#plan-title")).to_be_visible()
    assert hand.count(person.member) == 0
    await context.close()


async def test_an_open_question_is_not_closed_by_news(
    chromium: Browser, instance: MemberInstance, person: Person, hand: HandRun
) -> None:
    context = await enter(chromium, instance, person)
    page = await context.new_page()
    await start_run(page)
    run = hand.only(person.member)
    hand.begin(run)
    await page.locator("summary", has_text="Pause").click()
    hand.follow(run, range(3))
    await expect(page.get_by_text("3 of 60 people")).to_be_visible(timeout=PATIENCE_MS)
    await expect(page.get_by_role("button", name="Pause it")).to_be_visible()
    await context.close()


async def test_news_come_again_after_an_answer_that_was_none(
    chromium: Browser, instance: MemberInstance, person: Person, hand: HandRun
) -> None:
    """While the instance was started anew, the proxy before it answered 502: a browser takes that for the end of all news, and
    the page stood still for ever."""
    context = await enter(chromium, instance, person)
    page = await context.new_page()
    refused: list[str] = []

    async def refuse(route: Route) -> None:
        refused.append(route.request.url)
        await (route.fulfill(status=502, body="Bad gateway") if len(refused) == 1 else route.continue_())

    await page.route("**/news*", refuse)
    await start_run(page)
    run = hand.only(person.member)
    hand.begin(run)
    hand.follow(run, range(3))
    await expect(page.get_by_text("3 of 60 people")).to_be_visible(timeout=PATIENCE_MS)
    assert len(refused) > 1
    await context.close()


async def test_the_last_news_are_shown_once_a_question_is_closed(
    chromium: Browser, instance: MemberInstance, person: Person, hand: HandRun
) -> None:
    """They are told once: the page offered to pause what was over."""
    context = await enter(chromium, instance, person)
    page = await context.new_page()
    await start_run(page)
    run = hand.only(person.member)
    hand.begin(run)
    pause = page.locator("summary", has_text="Pause")
    await pause.click()
    hand.follow(run, range(60))
    hand.finish(run)
    await expect(page.get_by_text("60 of 60 people")).to_be_visible(timeout=PATIENCE_MS)
    await expect(page.get_by_role("button", name="Pause it")).to_be_visible()
    await pause.click()
    await page.get_by_role("link", name="About", exact=True).focus()
    await expect(pause).to_be_hidden(timeout=PATIENCE_MS)
    await context.close()


@pytest.mark.parametrize(
    "name", ["start", "plan", "left-out", "runs", "run", "permission", "done", "links", "list"]
)
async def test_nothing_serious_and_nothing_sticks_out(
    chromium: Browser, instance: MemberInstance, hand: HandRun, name: str
) -> None:
    """In French, with long names, in the light and in the dark, on small phones, from right to left."""
    person = member_with_list(instance, People(instance, Names.long).join("long"))
    context = await enter(chromium, instance, person, viewport=PHONE, locale="fr-FR", reduced_motion="reduce")
    page = await context.new_page()
    await show(page, instance, hand, person, name)
    await keep_shot(page, f"{name}-phone")
    assert await serious_violations(page) == []
    await page.emulate_media(color_scheme="dark")
    await page.set_viewport_size(DESKTOP)
    await keep_shot(page, f"{name}-dark")
    assert await serious_violations(page) == []
    await page.set_viewport_size(SMALL_PHONE)
    assert await sticking_out(page) == []
    await page.evaluate("document.documentElement.dir = 'rtl'")
    await keep_shot(page, f"{name}-rtl")
    assert await sticking_out(page) == []
    await context.close()


async def keep_shot(page: Page, name: str) -> None:
    """For the eye, where a folder is named for it."""
    if folder := os.environ.get("PASSERELLE_SHOTS"):
        await page.screenshot(path=f"{folder}/{name}.png", full_page=False)


async def show(page: Page, instance: MemberInstance, hand: HandRun, person: Person, name: str) -> None:
    """Goes to a page in a state that looks different."""
    if name == "start":
        await page.goto("/account/follow")
        return
    if name == "list":
        await page.goto("/account/list")
        return
    show_faces(instance, [bluesky(friend(number), number) for number in range(1, 9)])
    await page.goto("/account/follow?source=kept-list")
    if name == "plan":
        return
    if name == "left-out":
        await page.locator("input[name=tick]").first.uncheck()
        await page.locator("button[name=ignore]").nth(1).click()
        await page.locator("button[value=left-out]").click()
        return
    if name == "links":
        await page.locator("details summary").click()
        await page.locator("button[value=links]").click()
        return
    await page.locator("button[value=start]").click()
    await expect(page.locator(".said")).to_be_visible(timeout=PATIENCE_MS)
    run = hand.only(person.member)
    await advance(instance, hand, person, run, name)
    await page.goto("/account/runs" if name == "runs" else f"/account/runs/{run}")


async def advance(instance: MemberInstance, hand: HandRun, person: Person, run: UUID, name: str) -> None:
    hand.begin(run)
    hand.follow(run, range(30))
    hand.fail(run, [31, 32], Reason.NOT_FOUND)
    if name == "permission":
        permit(instance, account_of(instance, person.member), is_given=False)
        hand.lose_permission(run)
    if name == "done":
        hand.follow(run, [30, *range(33, 60)])
        hand.finish(run)
