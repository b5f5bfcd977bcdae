"""Reads and writes the keys of ticks as a form carries them: one after the other, with spaces between.

A list of a hundred thousand people has as many. They are read and written a part at a time: in one call they hold everybody up.
"""

import heapq
import re
from typing import Final

from directory.errors import InvalidQuery
from directory.pasted.parts import PART_CHARS, split_at
from directory.queries import MAX_MATCH_PAIRS

MAX_KEYS: Final = 2 * MAX_MATCH_PAIRS
"""One on each network, for everybody of the longest list."""
MAX_KEYS_OF_A_PAGE: Final = 10_000
"""Fifty people, of whom a hundred logs may each say another account on each network."""
SORTED_AT_ONCE: Final = 4_096
MAX_TICK_CHARS: Final = 128
"""Of one tick: a number or a name, a letter, and twelve digits."""
_SPACE: Final = re.compile(r"\s")
_TICKS: Final = re.compile(r"[@.\w\s]*")


def read_keys(text: str, most: int = MAX_KEYS) -> frozenset[str]:
    """Reads keys. Raises InvalidQuery for more than `most`, before all of them are held."""
    keys: set[str] = set()
    for part in split_at(_SPACE, text):
        keys.update(part.split())
        if len(keys) > most:
            raise InvalidQuery(f"more than {most} ticks at once")
    return frozenset(keys)


def read_ticks(text: str, most: int = MAX_KEYS) -> frozenset[str]:
    """Reads the keys of ticks. Raises InvalidQuery as `read_keys` does, and for what is none: a page repeats them all."""
    for part in split_at(_SPACE, text):
        if len(part) > PART_CHARS + MAX_TICK_CHARS + 1 or _TICKS.fullmatch(part) is None:
            raise InvalidQuery("a tick that is none")
        if max(map(len, part.split()), default=0) > MAX_TICK_CHARS:
            raise InvalidQuery("a tick that is none")
    return read_keys(text, most)


def write_keys(keys: frozenset[str]) -> str:
    """Writes keys, in order."""
    every = list(keys)
    parts = [sorted(every[at : at + SORTED_AT_ONCE]) for at in range(0, len(every), SORTED_AT_ONCE)]
    return " ".join(heapq.merge(*parts))
