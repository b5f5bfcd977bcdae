"""Reads the mutants that are named as equivalent, and judges a module's survivors by them."""

import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Final

import msgspec

from tests.mutants.names import MutantName

EQUIVALENTS: Final = Path(__file__).with_name("equivalent.toml")


class Equivalent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mutant that behaves as the original does, and why."""

    module: str
    function: str
    before: str
    after: str
    reason: str
    nth: int = 1

    @property
    def name(self) -> MutantName:
        return MutantName(self.function, self.before, self.after, self.nth)


class Verdict(msgspec.Struct, frozen=True):
    """What a run of all mutants of a module says."""

    made: int
    survivors: tuple[MutantName, ...]
    """Those that live and are not named."""
    equivalent: tuple[MutantName, ...]
    stale: tuple[MutantName, ...]
    """Those that are named, and are not made or are killed."""

    @property
    def killed(self) -> int:
        return self.made - len(self.survivors) - len(self.equivalent)


def read_equivalents(path: Path = EQUIVALENTS) -> list[Equivalent]:
    """Reads the file. Raises ValueError where an entry lacks something or stands there twice."""
    entries = msgspec.convert(tomllib.loads(path.read_text()).get("equivalent", []), list[Equivalent])
    names = [(entry.module, entry.name) for entry in entries]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"named twice: {twice[0]}")
    return entries


def judge_survivors(
    made: Collection[MutantName], alive: Collection[MutantName], named: Collection[MutantName]
) -> Verdict:
    """Judges the mutants of one module: `made` are all, `named` those that are said to be equivalent."""
    return Verdict(
        made=len(made),
        survivors=tuple(name for name in alive if name not in named),
        equivalent=tuple(name for name in alive if name in named),
        stale=tuple(name for name in named if name not in alive),
    )
