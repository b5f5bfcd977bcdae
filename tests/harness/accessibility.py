"""Runs axe-core over a page in a real browser."""

from functools import cache
from pathlib import Path
from typing import Final

from playwright.async_api import Page

AXE: Final = Path(__file__).parent.parent / "js" / "node_modules" / "axe-core" / "axe.min.js"
_RUN: Final = """async () => {
  if (!window.axe) return null
  const {violations} = await axe.run(document, {resultTypes: ['violations']})
  return violations
    .filter(({impact}) => ['serious', 'critical'].includes(impact))
    .map(({id, help, nodes}) => `${id}: ${help}: ${JSON.stringify(nodes.slice(0, 3).map(({html}) => html.slice(0, 120)))}`)
}"""


async def serious_violations(page: Page) -> list[str]:
    """Returns the serious violations that axe-core finds, a line each: rule, help, and the first elements."""
    found: list[str] | None = await page.evaluate(_RUN)
    if found is None:
        # Evaluated by the debugger, not loaded as a script: the page's policy allows none but its own.
        await page.evaluate(axe_source())
        found = await page.evaluate(_RUN)
    assert found is not None
    return found


@cache
def axe_source() -> str:
    return AXE.read_text(encoding="utf-8")
