"""A person without a mouse: Tab until it is there, then a key."""

from typing import Final

from playwright.async_api import ElementHandle, Error, Locator, Page

MAX_STOPS: Final = 80


class Keyboard:
    """Acts on a page with keys alone. Whatever cannot be reached by Tab, or shows no focus, fails the test."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def reach(self, wanted: Locator) -> None:
        """Tabs to an element."""
        await self._tab_until(wanted, "element === document.activeElement")
        outline = await wanted.evaluate("element => getComputedStyle(element).outlineStyle")
        assert outline != "none", "the focus cannot be seen"

    async def press(self, wanted: Locator, key: str = "Enter") -> None:
        await self.reach(wanted)
        await self._page.keyboard.press(key)

    async def write(self, wanted: Locator, text: str) -> None:
        """Fills a field, and sends its form."""
        await self.reach(wanted)
        await self._page.keyboard.insert_text(text)
        await self._page.keyboard.press("Enter")

    async def choose(self, wanted: Locator) -> None:
        """Marks a checkbox; or a radio button, of whose group Tab reaches one, and the arrows the others."""
        await self._tab_until(wanted, "element.name === document.activeElement.name")
        for _ in range(MAX_STOPS):
            if await wanted.evaluate("element => element === document.activeElement"):
                await self._page.keyboard.press("Space")
                return
            await self._page.keyboard.press("ArrowDown")
        raise AssertionError(f"no arrow leads to {wanted}")

    async def _tab_until(self, wanted: Locator, condition: str) -> None:
        await wanted.wait_for()  # the page it is on may be on its way
        element = await wanted.element_handle()
        for _ in range(MAX_STOPS):
            await self._page.keyboard.press("Tab")
            found = await _holds(element, condition)
            if found is None:  # the page was drawn again meanwhile
                element = await wanted.element_handle()
                found = await _holds(element, condition)
            if found:
                return
        raise AssertionError(f"Tab does not lead to {wanted}")


async def _holds(element: ElementHandle, condition: str) -> bool | None:
    """Returns whether the condition holds for an element, found once: that takes longer than the key. None if it is gone."""
    try:
        found: bool | None = await element.evaluate(f"element => element.isConnected ? {condition} : null")
    except Error:  # with its page
        return None
    return found
