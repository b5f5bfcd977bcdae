"""Slices of worlds: many are played one after the other, and what happened in them is added up."""

import gc
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from tests.worlds.memory import remembered
from tests.worlds.play import play
from tests.worlds.story import Rules

KINDS: Final = {
    "usual": Rules(),
    "quick": Rules(is_quick=True),
    "bought": Rules(is_bought=True),
}
"""Usual: the assumptions that docs/security.md states hold. Quick: names pass on at once. Bought: new accounts pass on
before anybody could see it. The last two have follows that lead elsewhere, and of no other kind than these."""
WORLDS_A_SWEEP: Final = 500
"""Worlds that are played between two collections of garbage."""


@dataclass(slots=True)
class Total:
    """What happened in many worlds. `wrong` holds the seeds with follows that lead elsewhere."""

    worlds: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    follows: Counter[str] = field(default_factory=Counter)
    wrong: dict[int, str] = field(default_factory=dict)

    def add(self, other: "Total") -> None:
        self.worlds += other.worlds
        self.happened.update(other.happened)
        self.follows.update(other.follows)
        self.wrong.update(other.wrong)


def play_slice(kind: str, seeds: Iterable[int]) -> Total:
    """Plays the worlds of some seeds."""
    total, rules = Total(), KINDS[kind]
    gc.disable()
    try:
        with remembered():
            for seed in seeds:
                played = play(seed, rules)
                total.worlds += 1
                total.happened.update(played.happened)
                total.follows.update(played.follows)
                if played.wrong:
                    total.wrong[seed] = played.wrong[0]
                if total.worlds % WORLDS_A_SWEEP == 0:
                    gc.collect()
    finally:
        gc.enable()
    return total
