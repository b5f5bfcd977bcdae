"""In a real browser: copies that a bridge keeps, and blocks and mutes, each a choice of its own; by keyboard, in French, on
a phone, with and without a script."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, Page, expect

from directory.follows.bridges import ON_FEDIVERSE
from directory.follows.runs import RunKind
from directory.networks.port import Purpose
from tests.harness.accessibility import serious_violations
from tests.harness.fake_bridge import Bridge
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_x import FakeX
from tests.harness.mappings import bluesky, did, mastodon
from tests.web.archives import following, part, rows, zip_bytes
from tests.web.members.follow_worlds import find, permit, show_faces
from tests.web.members.gallery import Names, People, Person
from tests.web.members.instance import MemberInstance, member_instance
from tests.web.members.keyboard import Keyboard
from tests.web.members.test_accessibility import DESKTOP, PHONE, SMALL_PHONE, sticking_out
from tests.web.members.test_follow_browser import PATIENCE_MS, enter, keep_shot
from tests.web.members.worlds import client_of, fetch

pytestmark = pytest.mark.asyncio(loop_scope="session")
LONG: Final = "a-friend-whose-name-has-no-end-at-all"
ARCHIVE: Final = zip_bytes(
    {
        "data/following.js": following("1", "2", "3", "4", "10"),
        "data/block.js": part("block", rows("blocking", "20", "21")),
        "data/mute.js": part("mute", rows("muting", "22")),
    }
)
"""Four people are on Bluesky alone, of whom the bridge keeps three, and one is on both networks."""
SCRIPT: Final = pytest.mark.parametrize("has_script", [True, False], ids=["script", "no-script"])


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, internet: FakeInternet, x: FakeX) -> Iterator[MemberInstance]:
    bridge = Bridge()
    internet.sites[ON_FEDIVERSE] = bridge.answer
    alone = [bluesky("ann", 1), bluesky("bob", 2), bluesky("cyd", 3, target=LONG), bluesky("dan", 4)]
    for each in alone[:3]:
        bridge.keeps[str(each.target_handle)] = str(each.target_id)
    both = [
        make(name, number)
        for name, number in (("eve", 10), ("fay", 20), ("gus", 21), ("hal", 22))
        for make in (bluesky, mastodon)
    ]
    with member_instance(
        module_dsn, data, x=x, open_client=client_of(internet), jobs=False, log="by hand"
    ) as running:
        find(running, [*alone, *both])
        show_faces(running, [*alone[:2], both[0]])
        yield running


def settled(instance: MemberInstance, name: str) -> Person:
    """A member on both networks, who has permitted all that runs need."""
    person = People(instance, Names.short).settle(name)
    for each in instance.call(lambda: instance.members.membership.accounts(person.member)):
        if each.target is not None:
            for purpose in (Purpose.FOLLOW, Purpose.ARRANGE):
                permit(instance, each.id, purpose=purpose)
    return person


async def plan(page: Page, keyboard: Keyboard, *, has_script: bool) -> None:
    """Opens the plan of the archive, with keys alone where there is no script."""
    await page.goto("/account/follow")
    archive = {"name": "twitter.zip", "mimeType": "application/zip", "buffer": ARCHIVE}
    await page.locator("#archive-drop-files").set_input_files(archive)  # type: ignore[arg-type] # as documented
    if not has_script:
        await keyboard.press(page.locator(".archive-drop-submit"))
    await expect(page.locator("#plan-title")).to_be_visible(timeout=PATIENCE_MS)


async def follow_with_mastodon(page: Page, keyboard: Keyboard) -> None:
    await keyboard.reach(page.locator("select[name=account]"))
    await page.keyboard.press("M")
    await keyboard.press(page.locator(".filters button[value=show]"))
    await expect(page.locator("select[name=account] option:checked")).to_contain_text("Mastodon")


def run_of(instance: MemberInstance, person: Person) -> tuple[RunKind, list[tuple[str, str]]]:
    """The kind of the only run of a member, and its people: the address, and whose copy it is."""
    found = fetch(
        instance,
        "SELECT r.kind, i.target_handle, i.bridge_of FROM follow_run r JOIN follow_item i ON i.run = r.id"
        " WHERE r.member = $1 ORDER BY i.number",
        person.member,
    )
    (kind,) = {row["kind"] for row in found}
    return RunKind(kind), [(str(row["target_handle"]), str(row["bridge_of"])) for row in found]


@SCRIPT
async def test_a_copy_is_marked_and_takes_a_tick_of_its_own(
    chromium: Browser, instance: MemberInstance, has_script: bool
) -> None:
    person = settled(instance, "copier")
    context = await enter(
        chromium, instance, person, viewport=PHONE, locale="fr-FR", java_script_enabled=has_script
    )
    page = await context.new_page()
    keyboard = Keyboard(page)
    await plan(page, keyboard, has_script=has_script)
    await follow_with_mastodon(page, keyboard)
    await expect(page.locator("#plan-title")).to_contain_text("1 personne")
    await keyboard.press(page.locator("button[value=left-out]"))
    boxes = page.locator("input[name=bridge]")
    await expect(boxes).to_have_count(3)
    assert await boxes.evaluate_all("all => all.some(box => box.checked)") is False
    ann = page.locator("li.person", has=page.locator(f"input[value='{did('ann')}']"))
    await expect(ann).to_contain_text("Friend ann")
    await expect(ann).to_contain_text(f"ann.bsky.example@{ON_FEDIVERSE}")
    await expect(ann.locator("strong", has_text="Copie par un pont")).to_be_visible()
    await expect(ann.locator("img.face")).to_have_js_property("complete", True)

    await keyboard.press(ann.locator("input[name=bridge]"), "Space")
    await keyboard.press(page.locator("button[value=wanted]"))
    await expect(page.locator("#plan-title")).to_contain_text("2 personnes")
    await keyboard.press(page.locator("button[value=start]"))
    await expect(page.locator(".said")).to_be_visible(timeout=PATIENCE_MS)
    copy = (f"ann.bsky.example@{ON_FEDIVERSE}", str(did("ann")))
    assert run_of(instance, person) == (RunKind.FOLLOW, [("eve@social.example", ""), copy])
    await context.close()


@SCRIPT
@pytest.mark.parametrize(
    ("button", "expected"),
    [
        ("block", (RunKind.BLOCK, ["fay.bsky.example", "gus.bsky.example"])),
        ("mute", (RunKind.MUTE, ["hal.bsky.example"])),
    ],
)
async def test_blocks_and_mutes_are_apart_and_closed_until_asked_for(
    chromium: Browser,
    instance: MemberInstance,
    has_script: bool,
    button: str,
    expected: tuple[RunKind, list[str]],
) -> None:
    person = settled(instance, "refuser")
    context = await enter(
        chromium, instance, person, viewport=PHONE, locale="fr-FR", java_script_enabled=has_script
    )
    page = await context.new_page()
    keyboard = Keyboard(page)
    await plan(page, keyboard, has_script=has_script)
    wanted = page.locator(f"button[value={button}]")
    await expect(wanted).to_be_hidden()
    await keyboard.press(page.locator("details:has(button[value=block]) > summary"))
    await expect(wanted).to_be_visible()
    await keyboard.press(wanted)
    await expect(page.locator(".said")).to_be_visible(timeout=PATIENCE_MS)
    title = {"block": "Blocages pour vous", "mute": "Masquages pour vous"}[button]
    await expect(page.locator("h1")).to_have_text(title)
    kind, people = run_of(instance, person)
    assert (kind, [handle for handle, _ in people]) == expected
    await context.close()


@pytest.mark.parametrize("name", ["bridged", "refusals"])
async def test_nothing_serious_and_nothing_sticks_out(
    chromium: Browser, instance: MemberInstance, name: str
) -> None:
    """In French, in the light and in the dark, on small phones, from right to left."""
    person = settled(instance, "looker")
    context = await enter(chromium, instance, person, viewport=PHONE, locale="fr-FR", reduced_motion="reduce")
    page = await context.new_page()
    keyboard = Keyboard(page)
    await plan(page, keyboard, has_script=True)
    if name == "bridged":
        await follow_with_mastodon(page, keyboard)
        await page.locator("button[value=left-out]").click()
        await page.locator("input[name=bridge]").first.check()
        shown = page.locator("li.person").first
    else:
        shown = page.locator("details:has(button[value=block])")
        await shown.locator("summary").click()
    for looks in ("phone", "dark", "small", "rtl"):
        if looks == "dark":
            await page.emulate_media(color_scheme="dark")
            await page.set_viewport_size(DESKTOP)
        if looks == "small":
            await page.set_viewport_size(SMALL_PHONE)
        if looks == "rtl":
            await page.evaluate("document.documentElement.dir = 'rtl'")
        await shown.scroll_into_view_if_needed()
        await keep_shot(page, f"{name}-{looks}")
        assert await serious_violations(page) == []
        assert await sticking_out(page) == []
    await context.close()
