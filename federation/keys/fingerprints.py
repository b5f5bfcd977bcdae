"""A key's fingerprint as words that two people can compare over the telephone.

Sixteen bits become one word of five letters, consonants and vowels in turn, sayable in most languages.
"""

from typing import Final

WORDS: Final = 8
"""128 bits: nobody can make a second key whose words are the same."""

_CONSONANTS: Final = "bdfghjklmnprstvz"
_VOWELS: Final = "aiou"


def to_words(fingerprint: bytes) -> str:
    """Its first 128 bits as eight words; `fingerprint` is 16 bytes long or longer."""
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
