"""Finds the Firefox that a test drives over WebDriver BiDi. `python -m tests.setup` installs one."""

import os
import shutil
from typing import Final

CHOSEN_BY_HAND: Final = "PASSERELLE_TEST_FIREFOX"
NAMES_ON_PATH: Final = ("firefox-esr", "firefox")


class FirefoxMissing(RuntimeError):
    """No Firefox is installed; the message says what to do."""


def firefox_path() -> str:
    """Finds a Firefox: the one chosen by hand, else one on PATH. Raises FirefoxMissing."""
    if chosen := os.environ.get(CHOSEN_BY_HAND):
        if not os.access(chosen, os.X_OK):
            raise FirefoxMissing(
                f"{CHOSEN_BY_HAND} names {chosen}, where no program is: correct or unset it."
            )
        return chosen
    for name in NAMES_ON_PATH:
        if found := shutil.which(name):
            return found
    raise FirefoxMissing(
        "No Firefox was found: run `python -m tests.setup`, or install one and run it again."
    )
