"""Marks texts for people, so that they are extracted for translation, and fills values into the translated ones.

A name, an address or a file keeps its own direction within a sentence: in a right-to-left language `@name` would turn into
`name@`. Text has characters for that (Unicode Bidirectional Algorithm, UAX #9, section 2.4), HTML has `bdi`.
"""

import re
from collections.abc import Mapping
from typing import Final

FIRST_STRONG_ISOLATE: Final = "\u2068"
POP_DIRECTIONAL_ISOLATE: Final = "\u2069"
_DIRECTIONS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")


class Bare(str):
    """A value that stands in a sentence as it is: an address to be followed, whose end an isolate would become."""

    __slots__ = ()


Values = Mapping[str, str | tuple[str, ...]]
"""What stands in a sentence, by the names of its placeholders; several names of one kind are listed."""


def N_(text: str) -> str:
    """Returns the text as it is."""
    return text


def isolated(value: object) -> str:
    """Isolates a value of a sentence in plain text. What the value itself says of directions is left out: it would end
    the isolate."""
    if isinstance(value, Bare):
        return value
    text = str(value)
    if not text.isascii():
        text = _DIRECTIONS.sub("", text)
    return f"{FIRST_STRONG_ISOLATE}{text}{POP_DIRECTIONAL_ISOLATE}"


def filled(sentence: str, values: Values) -> str:
    """Fills the values into a translated sentence, each isolated. The only place where code fills one."""
    return sentence % {name: _listed(value) for name, value in values.items()}


def unmarked(sentence: str) -> str:
    """Returns a filled sentence without its isolates, for logs and terminals: some show a box for each."""
    return _DIRECTIONS.sub("", sentence)


def _listed(value: str | tuple[str, ...]) -> str:
    return ", ".join(map(isolated, value)) if isinstance(value, tuple) else isolated(value)
