"""Reads the lock files, and what the project needs of them on this machine."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distributions, requires
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT: Final = Path(__file__).parents[2]
LOCK: Final = CHECKOUT / "requirements.lock"
DEV_LOCK: Final = CHECKOUT / "requirements-dev.lock"

_ENTRY: Final = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>[0-9a-z.]+)(?: ; (?P<marker>[a-zA-Z0-9_.'=!<>* ]+))?"
    r"(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n",
    re.ASCII,
)
"""A name, a version, perhaps a marker, and hashes. An address does not match."""


@dataclass(frozen=True, slots=True)
class Locked:
    """One entry of a lock."""

    name: str
    version: str
    requirement: Requirement
    text: str

    @property
    def is_for_this_machine(self) -> bool:
        """Whether its marker, if it has one, applies here."""
        return self.requirement.marker is None or self.requirement.marker.evaluate()


def read_lock(lock: Path) -> dict[str, Locked]:
    """Reads the entries by name. Fails on anything else in the file."""
    text, entries, end = lock.read_text(), list[Locked](), 0
    while end < len(text):
        match = _ENTRY.match(text, end)
        assert match, f"{lock.name} holds more than names, versions and hashes: {text[end : end + 200]!r}"
        requirement = Requirement(match[0].partition(" \\")[0])
        entries.append(Locked(match["name"], match["version"], requirement, match[0]))
        end = match.end()
    by_name = {entry.name: entry for entry in entries}
    assert len(by_name) == len(entries), f"{lock.name} names a package twice"
    return by_name


def versions_here(lock: Path) -> dict[str, str]:
    """Returns the version of each package that the lock installs on this machine."""
    return {entry.name: entry.version for entry in read_lock(lock).values() if entry.is_for_this_machine}


def installed_versions(environment: Path) -> dict[str, str]:
    """Returns the version of each package in the environment."""
    places = [str(place) for place in environment.glob("lib/python*/site-packages")]
    return {canonicalize_name(found.name): found.version for found in distributions(path=places)}


def requirements_here(project: str, *extras: str) -> Iterator[Requirement]:
    """Yields what the project requires on this machine, and what those packages require, with extras.

    Read from the metadata of the installed packages; `pip check` does not check extras.
    """
    waiting, seen = [(project, extra) for extra in ("", *extras)], set[tuple[str, str]]()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for requirement in map(Requirement, requires(name) or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                yield requirement
                waiting += [(requirement.name, wanted) for wanted in ("", *requirement.extras)]
