"""`python -m tests.setup`: installs everything the tests need, and shows it as a table.

What cannot be installed is named on stderr, one sentence each, and the tests that need it will fail. In
continuous integration (CI=true) the command then ends with 1; elsewhere with 0, so that the rest is tested.
"""

import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.setup.chromium import chromium
from tests.setup.database import postgres
from tests.setup.firefox import firefox
from tests.setup.packages import locked_folders, node, packages
from tests.setup.parts import CannotBeHad, Part
from tests.setup.proxies import PACKAGES, proxy


def main() -> int:
    """Runs the setup. Returns the exit code."""
    with (Path(sys.prefix) / ".tests-setup.lock").open("w") as lock:
        # Two at once in one checkout would take each other's half-made node_modules away.
        fcntl.flock(lock, fcntl.LOCK_EX)
        parts, missing = gather(needs())
    for sentence in missing:
        print(sentence, file=sys.stderr)
    print(table(parts))
    return 1 if missing and is_ci() else 0


def needs() -> Iterator[Callable[[], Part]]:
    """Yields what finds or installs each part that the tests need."""
    yield postgres
    yield node
    for folder in locked_folders():
        yield partial(packages, folder)
    yield chromium
    yield firefox
    for name in PACKAGES:
        yield partial(proxy, name)


def gather(wanted: Iterator[Callable[[], Part]]) -> tuple[list[Part], list[str]]:
    """Returns the parts that exist, and a sentence for each part that could not be installed."""
    parts, missing = [], []
    for need in wanted:
        try:
            parts.append(need())
        except CannotBeHad as error:
            missing.append(str(error))
    return parts, missing


def is_ci() -> bool:
    """Returns whether a missing part is a failure."""
    return os.environ.get("CI", "").lower() in {"true", "1"}


def table(parts: list[Part]) -> str:
    """Returns a table of part, version and place."""
    rows = [("part", "version", "where"), *((part.name, part.version, str(part.where)) for part in parts)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(f"{name:{widths[0]}}  {version:{widths[1]}}  {where}" for name, version, where in rows)


if __name__ == "__main__":
    sys.exit(main())
