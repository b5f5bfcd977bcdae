"""Writes a key's fingerprint as words that two people can compare over the telephone.

Sixteen bits become one word of five letters, consonants and vowels in turn: pronounceable in most languages.
"""

from typing import Final

WORDS: Final = 8
"""128 bits: a second key with the same words cannot be found."""

_CONSONANTS: Final = "bdfghjklmnprstvz"
_VOWELS: Final = "aiou"


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
