"""Reads the first paragraph of a piece of HTML: in an oEmbed answer, the post and nothing else.

The rest (the author's display name, a quoted post, the parent) is written by others or chosen at will, and is not
read.
"""

from typing import Final

from directory.proofs.html import Tag, read_html

MAX_HTML_CHARS: Final = 128 * 1024

_BREAKS: Final = frozenset({"br", "img"})
_BLOCKS: Final = frozenset({"p", "blockquote", "div"})


def first_paragraph(source: str) -> str | None:
    """Returns the text between the first `<p>` and its `</p>`, without markup, its entities replaced. Total.

    Returns None where there is no such paragraph, or where it does not end in its own `</p>`: then it is unknown where
    the post's own text ends. Also above MAX_HTML_CHARS.
    """
    if len(source) > MAX_HTML_CHARS:
        return None
    pieces = read_html(source)
    if not any(isinstance(piece, Tag) and piece.name == "p" and not piece.is_end for piece in pieces):
        return None
    text: list[str] = []
    for piece in pieces:  # goes on after the <p>
        if isinstance(piece, str):
            text.append(piece)
        elif piece.name in _BLOCKS:
            return "".join(text) if piece.name == "p" and piece.is_end else None
        elif piece.name in _BREAKS:
            text.append(" ")
    return None
