"""Looks at a page as it is in all the ways that people see it: nothing may stick out of it. Where `PASSERELLE_SHOTS` names a
folder, a picture of each is kept for the eye."""

import os
from pathlib import Path
from typing import Final, Literal

from playwright.async_api import Page, ViewportSize

from tests.web.members.test_accessibility import PHONE, STICKING_OUT

DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 800}
Scheme = Literal["light", "dark"]
Direction = Literal["ltr", "rtl"]
WAYS: Final[tuple[tuple[str, ViewportSize, Scheme, Direction], ...]] = (
    ("phone", PHONE, "light", "ltr"),
    ("phone-rtl", PHONE, "dark", "rtl"),
    ("desktop-dark", DESKTOP, "dark", "ltr"),
    ("desktop", DESKTOP, "light", "ltr"),
)
"""The last one is how the page stays."""


NEAREST_PX: Final = 3
_TOUCHING: Final = """(nearest) => {
  const controls = [...document.querySelectorAll('main :is(button, input:not([type=checkbox], [type=radio]), select, textarea, .button)')]
    .filter((control) => control.checkVisibility() && !control.closest('.hidden'))
  const boxes = controls.map((control) => [control, control.getBoundingClientRect()])
  const texts = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    const text = texts.currentNode, element = text.parentElement, range = document.createRange()
    if (!text.data.trim() || !element.checkVisibility()) continue
    if (element.closest('button, .button, select, textarea, template, thead, .hidden')) continue
    range.selectNodeContents(text)
    for (const box of range.getClientRects()) if (box.width > 1) boxes.push([text, box])
  }
  const isNear = (a, b) =>
    a.left < b.right && b.left < a.right && a.top < b.bottom + nearest && b.top < a.bottom + nearest
  const name = (each) => (each.data ?? each.outerHTML).trim().slice(0, 60)
  return boxes.slice(0, controls.length).flatMap(([control, box], at) => boxes.slice(at + 1)
    .filter(([other, its]) => isNear(box, its) && !control.contains(other))
    .map(([other]) => `${name(control)} | ${name(other)}`))
}"""

"""What can be pressed or filled in, and is covered or touched by another such thing, or by text."""
_WRONG: Final = f"(nearest) => [...({STICKING_OUT})(), ...({_TOUCHING})(nearest)]"


class Looks:
    """The looks at the steps of one walk."""

    def __init__(self, page: Page, walk: str) -> None:
        self._page = page
        self._walk = walk
        self._step = 0

    async def look(self, name: str) -> None:
        """Fails where anything sticks out, whichever way one looks."""
        self._step += 1
        for way, viewport, scheme, direction in WAYS:
            await self._page.set_viewport_size(viewport)
            await self._page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            await self._page.evaluate(f"document.documentElement.dir = '{direction}'")
            await self._keep(f"{self._walk}-{self._step:02}-{name}-{way}")
            wrong = await self._page.evaluate(_WRONG, NEAREST_PX)
            assert not wrong, (name, way, wrong)

    async def _keep(self, name: str) -> None:
        if folder := os.environ.get("PASSERELLE_SHOTS"):
            await self._page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
