"""The nonce of a proof post: a one-time word.

Its alphabet has no vowels, so that it spells no word; no 0, o, 1, l and i, which look alike; and only lower-case
letters and digits, so that X turns it into no link, mention, hashtag or cashtag. So it comes back unchanged, whatever
X does to links and names.
"""

import re
import secrets
from typing import Final, Self

import msgspec

from directory.errors import InvalidIdentifier

NONCE_ALPHABET: Final = "23456789bcdfghjkmnpqrstvwxyz"
NONCE_CHARS: Final = 28
"""28 characters of 28 kinds: 134 bits."""

NONCE_PATTERN: Final = f"[{NONCE_ALPHABET}]{{{NONCE_CHARS}}}"
_NONCE = re.compile(NONCE_PATTERN)


class Nonce(msgspec.Struct, frozen=True, gc=False):
    """A nonce. Once posted it is no secret: it proves who could post it."""

    value: str

    @classmethod
    def parse(cls, text: object) -> Self:
        """Parses a nonce. Raises InvalidIdentifier."""
        if not isinstance(text, str) or not _NONCE.fullmatch(text):
            raise InvalidIdentifier("a nonce", text, f"it is not {NONCE_CHARS} of our letters and digits")
        return cls(text)

    @classmethod
    def new(cls) -> Self:
        """Makes a nonce that nobody can guess."""
        return cls("".join(secrets.choice(NONCE_ALPHABET) for _ in range(NONCE_CHARS)))

    def __str__(self) -> str:
        return self.value
