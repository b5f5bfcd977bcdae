"""The text of the first paragraph of a piece of HTML: in an oEmbed answer, the post and nothing else.

What follows it (the author's display name, a quoted post, the parent) is written by others or can be
chosen at will, and is not read.
"""

from html.parser import HTMLParser
from typing import Final

MAX_HTML_CHARS: Final = 64 * 1024
MAX_PARAGRAPH_CHARS: Final = 25_000

_BREAKS: Final = frozenset({"br", "img"})
_ENDS: Final = frozenset({"p", "blockquote", "div"})


def first_paragraph(html: str) -> str | None:
    """The text between the first `<p>` and its `</p>`, its markup removed and its entities read. Total.

    None where there is no such paragraph, or where it does not end in its own `</p>`: then nobody knows
    where the post's own text ends.
    """
    if len(html) > MAX_HTML_CHARS:
        return None
    parser = _FirstParagraph()
    parser.feed(html)
    return parser.text if parser.is_closed else None


class _FirstParagraph(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._is_open = False
        self._is_done = False
        self.is_closed = False

    @property
    def text(self) -> str:
        return "".join(self._parts)[:MAX_PARAGRAPH_CHARS]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._is_done:
            return
        if tag in _ENDS and self._is_open:
            self._is_open, self._is_done = False, True
        elif tag == "p":
            self._is_open = True
        elif tag in _BREAKS and self._is_open:
            self._parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if self._is_open and tag in _ENDS:
            self.is_closed = tag == "p"
            self._is_open, self._is_done = False, True

    def handle_data(self, data: str) -> None:
        if self._is_open:
            self._parts.append(data)
