"""Removes what copying, typing and quoting put around a name, and nothing that could make it another name.

bsky.app wraps a handle in U+202A and U+202C when it is copied. Letters that merely look alike are left as they are:
the strict parsers refuse them, or they make another host, as they do in a browser.
"""

import re
from typing import Final
from urllib.parse import unquote

from directory.errors import InvalidIdentifier

MAX_PASTED_CHARS: Final = 2_048

_FULL_WIDTH: Final = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
"""The full-width forms of printable ASCII, as keyboards for Chinese, Japanese and Korean write them."""
_TO_ASCII: Final = {**_FULL_WIDTH, 0x3002: ".", 0xFF61: ".", 0x3000: " "}

# Marks of direction, zero-width spaces, soft hyphens, variation selectors. No identifier holds any of them.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
# Two host names can differ by a joiner alone (RFC 5892, A.1), though never beside ASCII.
_JOINERS: Final = re.compile("(?:(?<![^\\x00-\\x7f])[\u200c\u200d]+)|(?:[\u200c\u200d]+(?![^\\x00-\\x7f]))")

_PAIRS: Final = {")": "(", "]": "[", "}": "{", ">": "<"}
_QUOTES: Final = "\"'`´‘’‚‛“”„‟«»‹›「」『』《》〈〉【】"
_BEFORE: Final = _QUOTES + "([{<"
_AFTER: Final = _QUOTES + ",.;:!?"
# A dash is a bullet before a space alone: -1 is no number of an account.
_BULLET: Final = re.compile(r"[-–—•·*→]\s+|\.(?=@)")
# What stands before such an end is the beginning of a name, which can be the whole name of somebody else.
_CUT_SHORT: Final = re.compile(r"(?:…|\.\.|\*)[\s" + re.escape(_AFTER + "".join(_PAIRS)) + "]*$")


def clean(kind: str, text: object) -> str:
    """Returns what a person meant by a pasted text, which is not yet known to be an account. Raises InvalidIdentifier.

    Percent-encoding is decoded once, and in a text without a slash only: an address is decoded by its parts.
    """
    if not isinstance(text, str):
        raise InvalidIdentifier(kind, text, "it is not a text")
    if len(text) > MAX_PASTED_CHARS:
        raise InvalidIdentifier(kind, text, f"it is longer than {MAX_PASTED_CHARS} characters")
    cleaned = unwrap(kind, normalise(text))
    if "%" in cleaned and "/" not in cleaned:
        cleaned = unwrap(kind, normalise(decode(kind, cleaned)))
    if not cleaned:
        raise InvalidIdentifier(kind, text, "it is empty")
    return cleaned


def normalise(text: str) -> str:
    """Removes invisible characters, and gives full-width forms their usual one."""
    return _JOINERS.sub("", _INVISIBLE.sub("", text.translate(_TO_ASCII)))


def decode(kind: str, text: str) -> str:
    """Decodes percent-encoding, once. Raises InvalidIdentifier where it hides no text."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise InvalidIdentifier(kind, text, "its percent-encoding hides no text") from None


def unwrap(kind: str, text: str) -> str:
    """Removes spaces, quotes, brackets and punctuation around a text; a closed bracket that it opened itself stays.

    Raises InvalidIdentifier where the text ends in dots that stand for the rest of it.
    """
    if _CUT_SHORT.search(text):
        raise InvalidIdentifier(kind, text, "its end is cut off")
    before = None
    while text != before:
        before = text
        text = _BULLET.sub("", text.strip(), count=1) if _BULLET.match(text.strip()) else text.strip()
        text = text.lstrip(_BEFORE).rstrip(_AFTER)
        if text and (opening := _PAIRS.get(text[-1])) and text.count(opening) < text.count(text[-1]):
            text = text[:-1]
    return text
