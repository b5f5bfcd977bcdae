"""Every page of members in every state: nothing serious for axe, in the light and in the dark, on a phone and a
desktop; and no page wider than a small phone, whichever way the language runs and however long a name is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, Page, ViewportSize

from tests.harness.accessibility import serious_violations
from tests.harness.fake_x import FakeX
from tests.web.members.gallery import ROOMS, Gallery, Names
from tests.web.members.instance import MemberInstance, member_instance

pytestmark = pytest.mark.asyncio(loop_scope="session")

SMALL_PHONE: Final[ViewportSize] = {"width": 320, "height": 640}
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def instance(module_dsn: str, data: Path, x: FakeX) -> Iterator[MemberInstance]:
    """One that offers every way there is."""
    fxtwitter = x.sources().fxtwitter
    with member_instance(module_dsn, data, x=x, jobs=False, log="by hand", x_fxtwitter=fxtwitter) as running:
        yield running


@pytest.mark.parametrize("name", ROOMS)
async def test_nothing_serious_and_nothing_sticks_out(
    chromium: Browser, instance: MemberInstance, name: str
) -> None:
    """In French, whose words are longer; and from right to left, as a language to come may run."""
    gallery = Gallery(chromium, instance, Names.long)
    # Without motion: half-way from light to dark, no colour is what it should be.
    context, page = await gallery.enter(name, viewport=PHONE, locale="fr-FR", reduced_motion="reduce")
    assert await serious_violations(page) == []
    await page.emulate_media(color_scheme="dark")
    await page.set_viewport_size(DESKTOP)
    assert await serious_violations(page) == []
    await page.set_viewport_size(SMALL_PHONE)
    assert await sticking_out(page) == []
    await page.evaluate("document.documentElement.dir = 'rtl'")
    assert await sticking_out(page) == []
    await context.close()


STICKING_OUT: Final = """() => {
  const edge = document.documentElement.clientWidth
  const found = [...document.querySelectorAll('main *')]
    .filter((element) => element.checkVisibility() && !element.closest('.hidden'))
    .filter((element) => !element.parentElement.closest('pre, .scrolls'))
    .filter((element) => {
      const box = element.getBoundingClientRect()
      return box.left < -1 || box.right > edge + 1
    })
    .map((element) => element.outerHTML.slice(0, 120))
  return document.documentElement.scrollWidth > edge ? [...found, 'the page scrolls sideways'] : found
}"""


async def sticking_out(page: Page) -> list[str]:
    """What can be seen and begins or ends outside of the page, unless it scrolls in a box of its own."""
    found: list[str] = await page.evaluate(STICKING_OUT)
    return found
