"""Takes long texts from outside apart, a part at a time.

What is done in one call with a text of megabytes holds everybody up, in whatever thread it is done, and makes as many small texts at
once as somebody cared to send.
"""

import re
from collections.abc import Iterator
from typing import Final

PART_CHARS: Final = 64 * 2**10


def split_at(ends: re.Pattern[str], text: str, part_chars: int = PART_CHARS) -> Iterator[str]:
    """Yields the text in parts, each cut behind the first of the `ends` after `part_chars`. Joined, they are the text."""
    start = 0
    while (end := ends.search(text, start + part_chars)) is not None:
        yield text[start : end.end()]
        start = end.end()
    yield text[start:]
