"""Reads untrusted HTML: its tags and texts in order, in time linear in its length.

Not `html.parser`: it takes minutes for 64 KiB of `<a <a <a …`, and raises on a character reference of
5,000 digits. It follows the standard (WHATWG HTML, 13.2.5) only as far as links and paragraphs need it:
comments, scripts and the like hold no tags, and a tag without an end is no tag.
"""

import html
import re
from collections.abc import Iterator
from typing import Final

import msgspec

MAX_ATTRIBUTES: Final = 64
"""Attributes of one tag; further ones are skipped. Browsers read more, but no page that people write has more."""

_NAME = re.compile(r"[a-zA-Z][^\s/>]*")
_ATTRIBUTE_NAME = re.compile(r"[\s/]*([^\s/>=][^\s/>=]*|=[^\s/>=]*)?")
_EQUALS = re.compile(r"\s*=\s*")
_UNQUOTED = re.compile(r"[^\s>]*")
_RAW: Final = {
    name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE)
    for name in ("script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes", "noscript")
}
"""The content of these elements is text, even where it looks like a tag."""


class Tag(msgspec.Struct, frozen=True):
    """A start tag with its attributes (the first of two with the same name), or an end tag."""

    name: str
    is_end: bool
    attributes: dict[str, str]


def unescape(text: str) -> str:
    """Replaces character references in a text. Total: a reference that cannot be read leaves the text as it is."""
    try:
        return html.unescape(text)
    except ValueError:  # a number of thousands of digits
        return text


def read_html(source: str) -> Iterator[Tag | str]:
    """Yields the tags and the texts between them, in order. Total."""
    at = 0
    while at < len(source):
        opened = source.find("<", at)
        if opened < 0:
            opened = len(source)
        if opened > at:
            yield unescape(source[at:opened])
        if opened == len(source):
            return
        piece, at = _read_markup(source, opened)
        if piece is not None:
            yield piece
        if isinstance(piece, Tag):
            at = _after_raw_text(source, piece, at)


def _after_raw_text(source: str, tag: Tag, at: int) -> int:
    end_tag = None if tag.is_end else _RAW.get(tag.name)
    if end_tag is None:
        return at
    found = end_tag.search(source, at)
    return found.start() if found else len(source)


def _read_markup(source: str, at: int) -> tuple[Tag | str | None, int]:
    """Reads what the `<` at `at` begins. Returns it (None where it is neither tag nor text), and where it ends.

    Markup without an end takes the rest of the source.
    """
    if source.startswith("<!--", at):
        return None, _after(source, "-->", at + 2)  # `<!-->` is a whole comment
    if source.startswith(("<!", "<?"), at):
        return None, _after(source, ">", at)
    is_end = source.startswith("</", at)
    name = _NAME.match(source, at + (2 if is_end else 1))
    if name is None:
        return (None, _after(source, ">", at)) if is_end else ("<", at + 1)
    attributes, end = _read_attributes(source, name.end())
    if end is None:
        return None, len(source)
    return Tag(name[0].lower(), is_end, attributes), end


def _after(source: str, what: str, at: int) -> int:
    found = source.find(what, at)
    return len(source) if found < 0 else found + len(what)


def _read_attributes(source: str, at: int) -> tuple[dict[str, str], int | None]:
    """Reads the attributes of a tag. Returns them, and where the tag ends; None where it does not end."""
    attributes: dict[str, str] = {}
    while True:
        name = _ATTRIBUTE_NAME.match(source, at)
        at = name.end() if name else at
        if at >= len(source):
            return attributes, None
        if name is None or name[1] is None:
            return attributes, at + 1  # only a `>` can stand here
        value = ""
        equals = _EQUALS.match(source, at)
        if equals:
            value, at = _read_value(source, equals.end())
        if len(attributes) < MAX_ATTRIBUTES:
            attributes.setdefault(name[1].lower(), unescape(value))


def _read_value(source: str, at: int) -> tuple[str, int]:
    quote = source[at : at + 1]
    if quote not in {'"', "'"}:
        unquoted = _UNQUOTED.match(source, at)
        return (unquoted[0], unquoted.end()) if unquoted else ("", at)
    closed = source.find(quote, at + 1)
    if closed < 0:
        return "", len(source)
    return source[at + 1 : closed], closed + 1
