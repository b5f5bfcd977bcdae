"""A world of invented people, each computed from a number: nothing is stored, everything is repeatable.

A *slot* is one of 2^24 numbers, each with one X id and one handle of its own. The first ten million
slots are people of the directory, the next give the former handles of some of them, and the others
are strangers: people on the lists who are not in the directory.
"""

import hashlib
from typing import Final

from directory.demo.names import FIRST_NAMES, NUMBERS, SECOND_NAMES
from directory.demo.problems import DemoError, DemoProblem

SLOTS: Final = 1 << 24
MAX_PEOPLE: Final = 10_000_000
RENAMED_EVERY: Final = 25
_FIRST_FORMER_NAME: Final = MAX_PEOPLE
_FIRST_STRANGER: Final = MAX_PEOPLE + MAX_PEOPLE // RENAMED_EVERY
MAX_STRANGERS: Final = SLOTS - _FIRST_STRANGER

X_EPOCH_MS: Final = 1_288_834_974_657
_SNOWFLAKE_BITS: Final = 22
_FIRST_JOINED_MS: Final = 1_451_606_400_000
"""2016-01-01: from then on X numbered accounts by time."""
_JOINED_STEP_MS: Final = 20_000
_FIRST_SHORT_ID: Final = 6_000_000_000
"""X never issued ids of this size: it went from ten digits below this to eighteen."""
_SHORT_ID_STEP: Final = 230

_MASK: Final = SLOTS - 1


class World:
    """The people of a seed. The same seed gives the same people on every machine."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.key = hashlib.sha256(b"passerelle/demo\0" + str(seed).encode()).digest()
        words = [int.from_bytes(self.key[at : at + 4], "big") for at in range(0, 32, 4)]
        # Odd factors: multiplying by them modulo a power of two is a bijection.
        self._add, self._times, self._times_again, self._id_add, self._id_times = (
            words[0],
            words[1] | 1,
            words[2] | 1,
            words[3],
            words[4] | 1,
        )

    def shuffled(self, slot: int) -> int:
        """Maps the slots onto themselves, one to one, so that neighbours look unlike."""
        mixed = (slot * self._times + self._add) & _MASK
        mixed = ((mixed ^ mixed >> 13) * self._times_again) & _MASK
        return mixed ^ mixed >> 11

    def x_id_at(self, shuffled: int) -> int:
        """Computes the X id of a shuffled slot: half are short and old, half carry the time of their creation."""
        mixed = (shuffled * self._id_times + self._id_add) & _MASK
        if mixed & 1:
            return _FIRST_SHORT_ID + mixed * _SHORT_ID_STEP + shuffled % _SHORT_ID_STEP
        joined_ms = _FIRST_JOINED_MS + mixed * _JOINED_STEP_MS + (shuffled & 8191)
        return snowflake(joined_ms, shuffled * 2_654_435_761)

    def handle_at(self, shuffled: int) -> str:
        """Computes the handle of a shuffled slot, unique without regard to case, of at most 15 characters."""
        first, second = FIRST_NAMES[shuffled >> 14], SECOND_NAMES[shuffled >> 4 & 1023]
        return f"{first}_{second}{NUMBERS[shuffled & 15]}"

    def x_id(self, slot: int) -> int:
        """Computes the X id of a slot."""
        return self.x_id_at(self.shuffled(slot))

    def handle(self, slot: int) -> str:
        """Computes the present handle of a slot."""
        return self.handle_at(self.shuffled(slot))

    def former_handle(self, slot: int) -> str | None:
        """Computes the former handle of a person of the directory. Returns None where they never had another."""
        if slot >= MAX_PEOPLE or slot % RENAMED_EVERY:
            return None
        return self.handle(_FIRST_FORMER_NAME + slot // RENAMED_EVERY)

    @staticmethod
    def stranger(number: int) -> int:
        """Returns the slot of the n-th person who is not in the directory. Raises DemoError beyond the last."""
        if number >= MAX_STRANGERS:
            raise DemoError(DemoProblem.TOO_MANY_PEOPLE)
        return _FIRST_STRANGER + number


def snowflake(unix_ms: int, low: int) -> int:
    """Makes an id as X does at `unix_ms`; its lower 22 bits are taken from `low`."""
    return (unix_ms - X_EPOCH_MS) << _SNOWFLAKE_BITS | low & ((1 << _SNOWFLAKE_BITS) - 1)
