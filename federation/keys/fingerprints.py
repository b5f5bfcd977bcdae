"""Writes a key's fingerprint as words that two people can compare over the telephone.

Sixteen bits become one word of five letters, consonants and vowels in turn: pronounceable in most languages.
"""

import re
from typing import Final

WORDS: Final = 8
"""128 bits: a second key with the same words cannot be found."""

_CONSONANTS: Final = "bdfghjklmnprstvz"
_VOWELS: Final = "aiou"
_WORD: Final = rf"[{_CONSONANTS}][{_VOWELS}][{_CONSONANTS}][{_VOWELS}][{_CONSONANTS}]"
_LIKE_ONE: Final = re.compile(
    rf"(?:(?<![^\W_]){_WORD}[\W_]+){{2}}{_WORD}|(?:[0-9a-f]{{2}}[\W_]*){{12}}", re.IGNORECASE
)
"""Three words in a row, or twelve bytes in hex."""


def resembles_fingerprint(text: str) -> bool:
    """Whether somebody could take a part of a text for a fingerprint that was computed from a key."""
    return _LIKE_ONE.search(text) is not None


def to_words(fingerprint: bytes) -> str:
    """Writes the first 128 bits of a fingerprint as eight words; `fingerprint` has at least 16 bytes."""
    return " ".join(
        _to_word(int.from_bytes(fingerprint[at : at + 2], "big")) for at in range(0, 2 * WORDS, 2)
    )


def _to_word(number: int) -> str:
    first, second, third = number >> 12, number >> 6 & 15, number & 15
    return (
        _CONSONANTS[first]
        + _VOWELS[number >> 10 & 3]
        + _CONSONANTS[second]
        + _VOWELS[number >> 4 & 3]
        + _CONSONANTS[third]
    )
