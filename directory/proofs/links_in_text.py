"""Finds links to a page: in one field of a profile, in a plain text."""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, urlsplit

from directory.proofs.html import Tag, read_html

MAX_FIELD_CHARS: Final = 16 * 1024
"""The rest of a text is not read."""
MAX_LINKS: Final = 2_000
MAX_URL_CHARS: Final = 2_048

_LINKING: Final = frozenset({"a", "area", "link"})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def field_links_to(source: str, page: str) -> bool:
    """Whether a piece of HTML has any link to `page`. Total."""
    return any(is_same_page(href, page) for href in _links(source[:MAX_FIELD_CHARS]))


def text_names(text: str, page: str) -> bool:
    """Whether a line of a plain text is the address of `page`, and nothing else. Total.

    An address within a line does not count: "beware of <address>" is no link back.
    """
    return any(is_same_page(line.strip(), page) for line in re.split(r"[\r\n]+", text[:MAX_FIELD_CHARS]))


def is_same_page(href: str, page: str) -> bool:
    """Whether two addresses are equal but for the letter case of the host, a last slash and a fragment. Total."""
    if len(href) > MAX_URL_CHARS:
        return False
    try:
        there, here = urlsplit(href.strip()), urlsplit(page)
        return _key(there) == _key(here)
    except ValueError:
        return False


def _key(parts: SplitResult) -> tuple[str, str | None, int | None, str, str]:
    scheme = parts.scheme.lower()
    port = _DEFAULT_PORTS.get(scheme) if parts.port is None else parts.port
    if scheme not in _DEFAULT_PORTS or "@" in parts.netloc or not parts.hostname:
        raise ValueError(scheme)
    return scheme, parts.hostname, port, parts.path.rstrip("/"), parts.query


def _links(source: str) -> Iterator[str]:
    """Yields the addresses of the first MAX_LINKS links."""
    count = 0
    for piece in read_html(source):
        if (
            isinstance(piece, Tag)
            and not piece.is_end
            and piece.name in _LINKING
            and "href" in piece.attributes
        ):
            yield piece.attributes["href"]
            count += 1
            if count == MAX_LINKS:
                return
