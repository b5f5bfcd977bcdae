"""Runs axe-core over a page in a real browser."""

from pathlib import Path
from typing import Any, Final

from playwright.async_api import Page

AXE: Final = Path(__file__).parent.parent / "js" / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS: Final = {"serious", "critical"}


async def serious_violations(page: Page) -> list[str]:
    """Returns the serious violations that axe-core finds, a line each: rule, help, and the first elements."""
    # Evaluated by the debugger, not loaded as a script: the page's policy allows none but its own.
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    result: dict[str, Any] = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{found['id']}: {found['help']}: {[node['html'][:120] for node in found['nodes'][:3]]}"
        for found in result["violations"]
        if found["impact"] in SERIOUS
    ]
