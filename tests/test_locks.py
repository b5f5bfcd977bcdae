"""The locks name all that is needed, once, with hashes, and no place to fetch it from."""

from pathlib import Path
from typing import Final

import pytest
from packaging.utils import canonicalize_name

from tests.harness.locks import DEV_LOCK, LOCK, read_lock, requirements_here

EXTRAS: Final = {LOCK: ("build",), DEV_LOCK: ("build", "dev")}


def test_the_development_lock_holds_all_of_the_other() -> None:
    """For more machines where a tool of ours needs more, in the same versions."""
    base, development = read_lock(LOCK), read_lock(DEV_LOCK)
    assert base
    for name, entry in base.items():
        assert development[name].text in {entry.text, _everywhere(entry.text)}


def _everywhere(text: str) -> str:
    """Returns an entry of a lock without the condition on the machine."""
    first, rest = text.split("\n", 1)
    return f"{first.partition(' ; ')[0]} \\\n{rest}"


@pytest.mark.parametrize("lock", EXTRAS, ids=lambda lock: lock.name)
def test_a_lock_holds_all_that_is_needed(lock: Path) -> None:
    """`email-validator` came through an extra that a dependency asks for. `pip check` would not miss it."""
    entries = read_lock(lock)
    needed = list(requirements_here("passerelle", *EXTRAS[lock]))
    assert any(requirement.extras for requirement in needed)
    for requirement in needed:
        entry = entries[canonicalize_name(requirement.name)]
        assert entry.is_for_this_machine, requirement
        assert requirement.specifier.contains(entry.version, prereleases=True), requirement


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://packages.example/simple",
        "click @ https://packages.example/click-8.5.1-py3-none-any.whl \\",
        "click==8.5.1",
        "click>=8 \\\n    --hash=sha256:" + "0" * 64,
        "# from packages.example",
    ],
)
def test_anything_else_in_a_lock_is_found(tmp_path: Path, line: str) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(LOCK.read_text() + line + "\n")
    with pytest.raises(AssertionError, match="more than names, versions and hashes"):
        read_lock(lock)
