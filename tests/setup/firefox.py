"""Finds a Firefox for the tests of reading archives, or installs one as the machine allows."""

import os
import shutil
from pathlib import Path

from tests.harness.firefox import CHOSEN_BY_HAND, NAMES_ON_PATH, FirefoxMissing, firefox_path
from tests.setup.parts import CannotBeHad, CommandFailed, Part, install_from_debian, version_of

NAME = "Firefox"
TO_DO = "install Firefox (ESR 140 or newer) with your system's packages and run this again"


def firefox() -> Part:
    """Returns the browser the tests will use. Raises CannotBeHad."""
    try:
        return _working()
    except (FirefoxMissing, CommandFailed) as error:
        why = str(error).rstrip(".")
    if CHOSEN_BY_HAND in os.environ:
        raise CannotBeHad(NAME, why, f"correct {CHOSEN_BY_HAND}, or unset it")
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise CannotBeHad(NAME, why, TO_DO)
    try:
        install_from_debian(NAME, NAMES_ON_PATH[0], "about 65 MB")
        return _working()
    except (FirefoxMissing, CommandFailed) as error:
        raise CannotBeHad(NAME, str(error).rstrip("."), TO_DO) from None


def _working() -> Part:
    path = Path(firefox_path())
    return Part(NAME, version_of(path), path)
