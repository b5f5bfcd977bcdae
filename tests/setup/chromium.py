"""Finds a Chromium for the tests of pages, or installs one as the machine allows."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator

from tests.harness.browser import CHOSEN_BY_HAND, OWN_BROWSERS, BrowserMissing, chromium_path
from tests.setup.parts import CannotBeHad, CommandFailed, Part, install_from_debian, run, version_of

NAME = "Chromium"
TO_DO = "install Chromium with your system's packages and run this again"


def chromium() -> Part:
    """Returns the browser the tests will use. Raises CannotBeHad."""
    refusals: list[str] = []
    try:
        return _working()
    except (BrowserMissing, CommandFailed) as error:
        if CHOSEN_BY_HAND in os.environ:
            why = str(error).rstrip(".")
            raise CannotBeHad(NAME, why, f"correct {CHOSEN_BY_HAND}, or unset it") from None
    for install in _installers():
        try:
            install()
            return _working()
        except (BrowserMissing, CommandFailed) as error:
            refusals.append(str(error).rstrip("."))
    raise CannotBeHad(NAME, " and ".join(refusals), TO_DO)


def _working() -> Part:
    path = chromium_path()
    return Part(NAME, version_of(path), path)


def _installers() -> Iterator[Callable[[], None]]:
    if os.geteuid() == 0 and shutil.which("apt-get"):
        yield _install_from_debian
    yield _install_from_playwright


def _install_from_debian() -> None:
    install_from_debian(NAME, "chromium", "about 115 MB")


def _install_from_playwright() -> None:
    print("Downloading Playwright's Chromium into the virtual environment (once) ...", flush=True)
    env = os.environ | {"PLAYWRIGHT_BROWSERS_PATH": str(OWN_BROWSERS)}
    run([sys.executable, "-m", "playwright", "install", "--no-shell", "--no-progress", "chromium"], env=env)
