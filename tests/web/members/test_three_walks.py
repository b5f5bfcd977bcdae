"""The walks of three people, each from the first page to its end with keys alone: somebody who leaves X with an archive,
somebody who wants to be found, and somebody who wants to know who runs this and how. At each step: where the focus is, what
is announced, and that nothing sticks out on a phone, a desktop, in the dark, or from right to left."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, Locator, Page, ViewportSize, async_playwright, expect

from tests.federation.peers.heard import add_peer
from tests.harness.browser import chromium_path, launch_args
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.site import FakeServer
from tests.harness.fake_x import FakeX
from tests.harness.mappings import OTHER_ORIGIN, bluesky, mastodon
from tests.web.archives import following, part, posts, rows, zip_bytes
from tests.web.members.gallery import People
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.keyboard import Keyboard
from tests.web.members.looks import Looks
from tests.web.members.test_accessibility import sticking_out
from tests.web.members.test_follow_browser import keep_shot
from tests.web.members.worlds import client_of
from web.catalogues import catalogue

pytestmark = pytest.mark.asyncio(loop_scope="module")
LANGUAGES: Final = ("en", "fr")
ARCHIVE: Final = zip_bytes(
    {
        "data/following.js": following("1", "2", "3", "4", "5", "99"),
        "data/follower.js": part("follower", rows("follower", "2", "6")),
        "data/block.js": part("block", rows("blocking", "7")),
        "data/tweets.js": posts({"1": "ada", "2": "bea"}),
    }
)
AGREE: Final = (
    "I agree that this is published here, shared with the instances this one trusts, and kept in its signed log "
    "until I take it back."
)
KEPT_LATER: Final = (
    "To have your list kept, sign in with an account of yours. Then agree to it under “My account”, and bring your "
    "archive: nothing of it was kept yet."
)
TWITTER_ZIP: Final = FilePayload(name="twitter.zip", mimeType="application/zip", buffer=ARCHIVE)
PAPER: Final[ViewportSize] = {"width": 718, "height": 1047}
"""A4 with margins of a centimetre, at 96 dots an inch."""
LONG: Final = "a-friend-whose-name-has-no-end-at-all"
TERMS: Final = "Be kind.\n\nWhoever is not is asked to leave."


@pytest.fixture(scope="module")
def internet() -> Iterator[FakeInternet]:
    with FakeInternet() as internet:
        users = [f"{name}_{language}" for language in LANGUAGES for name in ("leaver", "seeker")]
        FakeServer.at(internet, "social.test", accounts=users)
        yield internet


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, internet: FakeInternet, x: FakeX) -> Iterator[MemberInstance]:
    (data / "terms.txt").write_text(TERMS)
    people = [
        bluesky("ada", 1),
        mastodon("ada", 1),
        mastodon("bea", 2),
        bluesky("cyd", 3, target=LONG),
        bluesky("dan", 4, target="one"),
        bluesky("dan", 4, target="two", origin=OTHER_ORIGIN),
        bluesky("fan", 6),
        mastodon("foe", 7),
    ]
    with member_instance(
        module_dsn,
        data,
        x=x,
        open_client=client_of(internet),
        log="by hand",
        terms=str(data / "terms.txt"),
        notice="https://operator.example/notice",
    ) as running:
        database, now = running.mappings().database, datetime.now(UTC)
        running.call(lambda: running.mappings().add(people))
        running.call(
            lambda: add_peer(database, "a-rather-long-name-of-an-instance.of-a-community.example/log", now)
        )
        running.call(lambda: add_peer(database, "silent.example/log", now - timedelta(days=8)))
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium(internet: FakeInternet) -> AsyncIterator[Browser]:
    """A browser for which the small internet is the internet."""
    async with async_playwright() as playwright:
        args = [*launch_args(), *internet.chromium_args()]
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=args)
        yield browser
        await browser.close()


@dataclass(frozen=True)
class Walker:
    """Somebody at a keyboard, in a language."""

    page: Page
    keys: Keyboard
    language: str
    looks: Looks

    def says(self, text: str) -> str:
        return catalogue(self.language).gettext(text)

    def button(self, text: str) -> Locator:
        return self.page.get_by_role("button", name=self.says(text))

    def link(self, text: str) -> Locator:
        return self.page.get_by_role("link", name=self.says(text)).first

    async def reads(self, text: str) -> None:
        """Waits for a page by its heading."""
        await expect(self.page.locator("h1")).to_have_text(self.says(text))

    async def hears(self, text: str) -> None:
        """Waits until something is announced."""
        announced = self.page.locator("[aria-live], [role=status], [role=alert]").filter(has_text=text)
        await expect(announced.first).to_be_attached()


@pytest_asyncio.fixture(loop_scope="module", params=LANGUAGES)
async def walker(
    chromium: Browser, instance: MemberInstance, request: pytest.FixtureRequest
) -> AsyncIterator[Walker]:
    language = request.param
    context = await chromium.new_context(
        base_url=instance.url, ignore_https_errors=True, locale={"en": "en-GB", "fr": "fr-FR"}[language]
    )
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    # Asked for early: the browser would open a dialogue of its own where it has not heard of it yet.
    page.on("filechooser", lambda chooser: None)
    walk = request.node.originalname.removeprefix("test_")[:12]
    yield Walker(page, Keyboard(page), language, Looks(page, f"{walk}-{language}"))
    assert problems == []
    await context.close()


async def choose_archive(walker: Walker) -> None:
    """Opens the dialogue of the file field with a key."""
    await walker.keys.reach(walker.page.locator("#archive-drop-files"))
    async with walker.page.expect_file_chooser() as opened:
        await walker.page.keyboard.press("Enter")
    chooser = await opened.value
    await chooser.set_files(TWITTER_ZIP)


async def sign_in(walker: Walker, name: str) -> None:
    """From the sign-in page through the server and back."""
    await walker.keys.write(walker.page.get_by_label(walker.says("Your Bluesky or Mastodon account")), name)
    await walker.keys.choose(walker.page.get_by_label(name))
    await walker.keys.press(walker.page.get_by_role("button", name="Authorize"))


async def test_leaving_x_with_an_archive(walker: Walker) -> None:
    page, keys, looks = walker.page, walker.keys, walker.looks
    await page.goto("/")
    await looks.look("first")
    await choose_archive(walker)
    title = page.locator("#results-title")
    await expect(title).to_be_focused()
    await expect(title).to_be_in_viewport()
    await looks.look("results")

    await keys.write(page.locator("input[name=search]"), "ada")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await expect(page.locator("caption")).to_be_focused()
    await looks.look("filtered")
    await keys.press(page.locator("tbody input[type=checkbox]").first, "Space")
    await walker.hears(
        catalogue(walker.language).ngettext("%(num)s account is chosen.", "%(num)s accounts are chosen.", 3)
        % {"num": "3"}
    )
    async with page.expect_download() as started:
        await keys.press(walker.button("Download for Mastodon (CSV)"))
    assert "bea@social.example" in (await (await started.value).path()).read_text()
    async with page.context.expect_page() as opening:
        await keys.press(walker.button("A page of links, to follow one by one"))
    links = await opening.value
    await expect(links.locator("h1")).to_have_text(walker.says("Links to their profiles"))
    await Looks(links, "leaving-links-" + walker.language).look("links")
    await links.close()

    await keys.press(page.get_by_role("link", name="@ada").first)
    await expect(page.locator("h1")).to_contain_text("@ada")
    await looks.look("person")
    await page.go_back()  # the browser's own key, which no page sees
    await expect(title).to_be_attached()
    await expect(page.locator("input[name=search]")).to_have_value("ada")
    await keys.press(walker.link("Keep your list here"))
    await expect(page.locator(".notice")).to_contain_text(walker.says(KEPT_LATER))
    await looks.look("sign-in")
    await sign_in(walker, f"leaver_{walker.language}@social.test")
    await walker.reads("Prove your X account")
    await keys.press(page.locator("main").get_by_role("link", name=walker.says("My account")))
    await walker.reads("My account")
    kept = page.locator("form[action$='consents/2']")
    await keys.press(kept.get_by_role("button", name=walker.says("Agree")))
    await keys.press(walker.link("Bring your list"))
    await expect(page.locator("#archive-drop-files")).to_be_attached()
    await looks.look("bring")
    await choose_archive(walker)
    await expect(page.locator("#kept-title")).to_be_focused()
    await expect(page.locator("#results")).to_contain_text("@cyd")
    await looks.look("kept")


async def test_being_found(walker: Walker, instance: MemberInstance, x: FakeX) -> None:
    page, keys, looks = walker.page, walker.keys, walker.looks
    name = f"seeker_{walker.language}@social.test"
    await page.goto("/")
    await keys.press(walker.link("Be found"))
    await expect(page.get_by_label(walker.says("Your Bluesky or Mastodon account"))).to_be_visible()
    await looks.look("sign-in")
    await sign_in(walker, name)
    await walker.reads("Prove your X account")
    await looks.look("prove")
    sentence = await page.locator("#sentence").inner_text()
    await keys.press(walker.button("Copy it"))
    await walker.hears(walker.says("Copied."))
    post = x.post(x.account(f"seeker_{walker.language}"), sentence)
    await keys.write(page.get_by_label(walker.says("Link of the post")), post.url)

    await walker.reads("What shall be public?")
    await looks.look("publish")
    await keys.choose(page.get_by_label(walker.says(AGREE)))
    await keys.press(walker.button("Publish"))
    await walker.reads("Public in a moment")
    await looks.look("in-a-moment")
    await asyncio.to_thread(instance.call, instance.write_log)
    await walker.reads("You can be found now")
    await looks.look("published")
    await keys.press(walker.button("Copy"))
    await walker.hears(walker.says("Copied."))
    await keys.press(walker.link("See it as others do"))
    await expect(page.locator(".card").first).to_contain_text(name)
    await looks.look("as-others-do")

    await page.goto("/account")
    await looks.look("account")
    await keys.press(page.locator("summary", has_text=walker.says("Take it back")))
    await looks.look("asked-once")
    await keys.press(page.locator("details[open] button", has_text=walker.says("Take it back")))
    await walker.hears("")
    await looks.look("taken-back")
    answer = await page.goto(f"/x/seeker_{walker.language}")
    assert answer is not None
    assert answer.status == 404
    await looks.look("gone")


async def test_running_this(walker: Walker, instance: MemberInstance) -> None:
    page, keys, looks = walker.page, walker.keys, walker.looks
    await page.goto("/")
    await keys.press(walker.link("About"))
    await expect(page.locator("#peers")).to_be_attached()
    await looks.look("about")
    for path, name in (
        ("/api/docs", "api"),
        ("/privacy", "privacy"),
        ("/terms", "terms"),
        ("/sign-in", "sign-in"),
        ("/nothing/here", "404"),
        ("/account/publish", "signed-out"),
        ("/x/%25", "unread"),
        ("/search?x=a+b", "unread-search"),
    ):
        await page.goto(path)
        await looks.look(name)
        assert await page.locator("h1").count() == 1, path
    for path, status in (
        ("/account/publications/1/withdraw", 405),
        ("/stop/nobody", 404),
        ("/m/nobody", 404),
    ):
        refused = await page.goto(path)
        assert refused is not None
        assert refused.status == status
        await keys.reach(page.locator("main a").last)
        await looks.look(f"refused-{status}")


PRINTED: Final = ("results", "/x/ada", "/about", "/privacy", "/terms", "plan")


@pytest.mark.parametrize("place", PRINTED)
async def test_on_paper(chromium: Browser, instance: MemberInstance, place: str) -> None:
    """What cannot be pressed on paper is not printed, and of whom a page leads to, the address is."""
    context = await chromium.new_context(base_url=instance.url, viewport=PAPER)
    page = await context.new_page()
    if place == "plan":
        person = People(instance).join("printer")
        await context.add_cookies([{"name": "passerelle", "value": person.token, "url": instance.url}])
        await page.goto("/account/follow")
    else:
        await page.goto("/" if place == "results" else place)
    if not place.startswith("/"):
        await page.locator("#archive-drop-files").set_input_files(TWITTER_ZIP)
        await expect(page.locator(f"#{place}-title")).to_be_visible()
    await page.emulate_media(media="print")
    await keep_shot(page, f"print-{place.strip('/').replace('/', '-')}")
    pressed = page.locator(
        ":is(button, nav, select, textarea, summary, input:not([type=checkbox], [readonly])):visible"
    )
    assert await pressed.evaluate_all("all => all.map((each) => each.outerHTML.slice(0, 90))") == []
    links = page.locator("main a[href^=http]:visible")
    assert await links.count() > (1 if place in {"results", "/x/ada", "plan"} else -1)
    bare = await links.evaluate_all(
        "all => all.filter((each) => !getComputedStyle(each, '::after').content.includes('http'))"
        ".filter((each) => !each.textContent.includes('://')).map((each) => each.outerHTML.slice(0, 90))"
    )
    assert bare == []
    assert await sticking_out(page) == []
    await context.close()
