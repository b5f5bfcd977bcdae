"""What a page says to whoever reads it, whatever marks its values apart."""

import re
from html import unescape
from typing import Final

_MARKS: Final = re.compile(r"</?bdi>|<wbr>|<span class=\"piece\">([^<]*)</span>|[\u2068\u2069]")


def without_marks(html: str) -> str:
    """Returns the HTML of a page without what isolates a name in a sentence, or says where it may break."""
    return _MARKS.sub(lambda mark: mark[1] or "", html)


def as_read(html: str) -> str:
    """Returns the text of a page's HTML with its tags: characters for entities, one space for any white space."""
    return unescape(" ".join(without_marks(html).split()))
