"""Installs the npm packages of each folder below `tests/` that has a lock file."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.harness.node import NodeMissing, node_env, node_path, node_version, npm_command
from tests.setup.parts import CannotBeHad, CommandFailed, Part, run

TESTS: Final = Path(__file__).resolve().parent.parent
# Written last, into node_modules: an installation that was cut off has none, and is done again.
STAMP: Final = ".installed-from"
# No script of a package is run; the packages used here ship what they need.
INSTALL: Final = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")


def node() -> Part:
    """Returns Node.js itself. Raises CannotBeHad."""
    try:
        return Part("Node.js", node_version(), node_path())
    except NodeMissing:
        raise CannotBeHad("Node.js", "its wheel is not installed", "run `make install-dev`") from None


def locked_folders(tests: Path = TESTS) -> Iterator[Path]:
    """Yields the folders with packages of their own."""
    for lock in sorted(tests.glob("*/package-lock.json")):
        yield lock.parent


def packages(folder: Path) -> Part:
    """Installs the packages of one folder by its lock file. Raises CannotBeHad."""
    name = f"tests/{folder.name}"
    digest = _digest(folder)
    modules = folder / "node_modules"
    if not _is_installed(modules, digest):
        print(f"Installing the npm packages of {name} (once) ...", flush=True)
        try:
            run(npm_command(*INSTALL), folder=folder, env=node_env())
        except (CommandFailed, NodeMissing) as error:
            # npm leaves half of a tree behind, which the next run would take for a whole one.
            shutil.rmtree(modules, ignore_errors=True)
            why = str(error).rstrip(".")
            raise CannotBeHad(
                f"npm packages of {name}", why, "connect to the internet and run this again"
            ) from None
        modules.mkdir(exist_ok=True)
        (modules / STAMP).write_text(digest)
    return Part(name, f"lock {digest[:12]}", modules)


def _is_installed(modules: Path, digest: str) -> bool:
    stamp = modules / STAMP
    return stamp.is_file() and stamp.read_text() == digest


def _digest(folder: Path) -> str:
    """Returns a digest of the lock file, the install command and the Node.js it is for."""
    whole = hashlib.sha256(node_version().encode())
    for file in ("package.json", "package-lock.json"):
        whole.update((folder / file).read_bytes())
    return whole.hexdigest()
