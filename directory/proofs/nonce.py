"""The one-time word that a proof post carries.

Its alphabet has no vowels, so that it spells no word; no 0, o, 1, l and i, which look alike; and only
lower-case letters and digits, so that X makes no link, mention, hashtag or cashtag of it and leaves it
as it is. Nothing else is allowed in it: whatever X does to links and names, the nonce comes back whole.
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
    """A one-time word. It is no secret once posted: what it proves is who could post it."""

    value: str

    @classmethod
    def parse(cls, text: object) -> Self:
        """Raises InvalidIdentifier."""
        if not isinstance(text, str) or not _NONCE.fullmatch(text):
            raise InvalidIdentifier("a nonce", text, f"it is not {NONCE_CHARS} of our letters and digits")
        return cls(text)

    @classmethod
    def new(cls) -> Self:
        """A fresh one, that nobody can guess."""
        return cls("".join(secrets.choice(NONCE_ALPHABET) for _ in range(NONCE_CHARS)))

    def __str__(self) -> str:
        return self.value
