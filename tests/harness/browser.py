"""Finds the browser that the tests drive, and starts it the same way everywhere.

`python -m tests.setup` installs one; this module only finds it. Playwright drives it through its
path, so Debian's, Google's and Playwright's own builds all serve.
"""

import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Literal

import pytest_asyncio
from playwright.async_api import Browser, Playwright, async_playwright

CHOSEN_BY_HAND: Final = "PASSERELLE_TEST_CHROMIUM"
NAMES_ON_PATH: Final = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
# Below the virtual environment, so that `make clean` removes it too.
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


OF_PLAYWRIGHT: Final = (
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay",
    "MediaRouter",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "TcpPortRandomizationWin",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "AimEnabled",
    "PreconnectToSearch",
    "msForceBrowserSignIn",
    "msEdgeUpdateLaunchServicesPreferredVersion",
)
"""What Playwright disables. Of two lists Chromium heeds the last one, so ours repeats Playwright's."""
OF_THE_ADDRESS_BAR: Final = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup")
"""Each window loads two pages beside its own, for suggestions below an address bar that nobody sees: more than half of the
processor time of a context."""
OF_NO_USE_YET: Final = ("SpareRendererForSitePerProcess",)
"""Beside each page a second process is started, in case that another site is opened: a fifth of the processor time of a context."""


class BrowserMissing(RuntimeError):
    """No Chromium is installed; the message says what to do."""


def chromium_path() -> Path:
    """Finds a Chromium: the one chosen by hand, else one on PATH, else one that Playwright downloaded.

    Raises BrowserMissing, also where the one chosen by hand is missing: a choice is not overruled.
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
    """Returns Chromium's arguments. Its sandbox is disabled only for root, where Chromium refuses to use it."""
    disabled = ",".join((*OF_PLAYWRIGHT, *OF_THE_ADDRESS_BAR, *OF_NO_USE_YET))
    return [*LAUNCH_ARGS, f"--disable-features={disabled}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]


@asynccontextmanager
async def launched_chromium() -> AsyncIterator[Browser]:
    """Starts a headless Chromium, closed at the end. Raises BrowserMissing."""
    async with async_playwright() as playwright:
        browser = await _launch(playwright)
        try:
            yield browser
        finally:
            await browser.close()


async def _launch(playwright: Playwright) -> Browser:
    return await playwright.chromium.launch(executable_path=chromium_path(), args=launch_args())


class SharedChromium:
    """The one Chromium of a test process: a start takes a second of processor time, and there are many modules."""

    def __init__(self, playwright: Playwright) -> None:
        self._playwright = playwright
        self._browser: Browser | None = None

    async def running(self) -> Browser:
        """Returns the browser, started where there is none yet, or no longer. Raises BrowserMissing."""
        if self._browser is None or not self._browser.is_connected():
            self._browser = await _launch(self._playwright)
        return self._browser

    async def close(self) -> None:
        if self._browser is not None:
            await self._browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_chromium() -> AsyncIterator[SharedChromium]:
    async with async_playwright() as playwright:
        shared = SharedChromium(playwright)
        yield shared
        await shared.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def chromium(shared_chromium: SharedChromium) -> AsyncIterator[Browser]:
    """The shared browser, without what a failed test of this module has left open. Its tests, and their fixtures that use it,
    need `pytestmark = pytest.mark.asyncio(loop_scope="session")`."""
    browser = await shared_chromium.running()
    yield browser
    for context in browser.contexts if browser.is_connected() else ():
        await context.close()


def chromium_fixture(
    scope: Literal["function", "module", "session"] = "module",
) -> Callable[[], AsyncIterator[Browser]]:
    """Makes a fixture that yields a running `Browser`; a test takes its own context from it.

    Put it in a module or a conftest as `chromium = chromium_fixture()`. A browser belongs to the
    event loop it was started in: with the scope `module`, tests and their other fixtures need
    `pytestmark = pytest.mark.asyncio(loop_scope="module")`, and so on.
    """

    async def chromium() -> AsyncIterator[Browser]:
        async with launched_chromium() as browser:
            yield browser

    return pytest_asyncio.fixture(scope=scope, loop_scope=scope)(chromium)
