"""Removes the scheme that programs put before the address of an account."""

import re
from typing import Final

_PREFIX: Final = re.compile(r"(?:acct|mailto):(?://)?", re.IGNORECASE | re.ASCII)


def without_prefix(text: str) -> str:
    """Returns a cleaned text without `acct:` (RFC 7565) or `mailto:` before it."""
    return _PREFIX.sub("", text, count=1) if _PREFIX.match(text) else text
