"""The browser that the tests drive: finding it, and starting it the same way everywhere.

`python -m tests.setup` puts one there; this only looks. Whatever browser is found is driven by
Playwright through its path, so Debian's, Google's and Playwright's own builds all serve.
"""

import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Literal

import pytest_asyncio
from playwright.async_api import Browser, async_playwright

CHOSEN_BY_HAND: Final = "PASSERELLE_TEST_CHROMIUM"
NAMES_ON_PATH: Final = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
# Below the virtual environment, so that `make clean` takes it away with everything else.
OWN_BROWSERS: Final = Path(sys.prefix) / "browsers"
_IN_PLAYWRIGHT_BUILDS: Final = ("chrome-linux*/chrome", "chrome-mac*/*.app/Contents/MacOS/*")

LAUNCH_ARGS: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class BrowserMissing(RuntimeError):
    """There is no Chromium on this machine; the message says what to do."""


def chromium_path() -> Path:
    """A Chromium: the one chosen by hand, else on PATH, else one that Playwright downloaded.

    Raises BrowserMissing, also when the one chosen by hand is not there: a choice is not overruled.
    """
    if chosen := os.environ.get(CHOSEN_BY_HAND):
        if not os.access(chosen, os.X_OK):
            raise BrowserMissing(
                f"{CHOSEN_BY_HAND} names {chosen}, where no program is: correct or unset it."
            )
        return Path(chosen)
    for path in _candidates():
        return path
    raise BrowserMissing(
        "No Chromium was found: run `python -m tests.setup`, or install one and run it again."
    )


def _candidates() -> Iterator[Path]:
    for name in NAMES_ON_PATH:
        if found := shutil.which(name):
            yield Path(found)
    for folder in _playwright_folders():
        for pattern in _IN_PLAYWRIGHT_BUILDS:
            yield from sorted(folder.glob(f"chromium-*/{pattern}"), reverse=True)


def _playwright_folders() -> tuple[Path, ...]:
    named = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    usual = Path(named) if named and named != "0" else Path.home() / ".cache" / "ms-playwright"
    return (OWN_BROWSERS, usual)


def launch_args() -> list[str]:
    """Chromium's arguments. Its sandbox is left out only for root, where Chromium refuses to use it."""
    return [*LAUNCH_ARGS, "--no-sandbox"] if os.geteuid() == 0 else list(LAUNCH_ARGS)


@asynccontextmanager
async def launched_chromium() -> AsyncIterator[Browser]:
    """A headless Chromium, closed at the end. Raises BrowserMissing."""
    path = chromium_path()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=launch_args())
        try:
            yield browser
        finally:
            await browser.close()


def chromium_fixture(
    scope: Literal["function", "module", "session"] = "module",
) -> Callable[[], AsyncIterator[Browser]]:
    """A fixture that gives a running `Browser`; a test takes its own context from it.

    Put it in a module or a conftest as `chromium = chromium_fixture()`. A browser belongs to the
    event loop it was started in: with the scope `module`, tests and their other fixtures say
    `pytestmark = pytest.mark.asyncio(loop_scope="module")`, and so on.
    """

    async def chromium() -> AsyncIterator[Browser]:
        async with launched_chromium() as browser:
            yield browser

    return pytest_asyncio.fixture(scope=scope, loop_scope=scope)(chromium)
