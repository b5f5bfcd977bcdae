"""Parses the address of a post on X: reads its id, and nothing else.

X ignores the name in the address of a post (`x.com/<any name>/status/<id>` leads to the post `<id>`),
so the name says nothing about the author and is not read here.
"""

import re
from typing import Final, Self
from urllib.parse import urlsplit

import msgspec

from directory.errors import InvalidIdentifier
from directory.pasted.cleaning import clean
from directory.pasted.urls import PastedUrl
from directory.pasted.x_pages import is_x_host

MAX_POST_ID: Final = 2**63 - 1
MAX_POST_URL_CHARS: Final = 2_048

_POST_ID = re.compile(r"[1-9][0-9]{0,18}")
_HOSTS: Final = frozenset({"x.com", "twitter.com"})
_SUBDOMAINS: Final = ("www.", "mobile.", "m.")
_STATUS: Final = frozenset({"status", "statuses"})


class XPostId(msgspec.Struct, frozen=True, order=True, gc=False):
    """The id of a post on X: 1 to 2^63 - 1. Each edit of a post has an id of its own."""

    value: int

    @classmethod
    def parse(cls, text: object) -> Self:
        """Reads decimal digits without sign, space or leading zero. Raises InvalidIdentifier."""
        if not isinstance(text, str) or not _POST_ID.fullmatch(text) or int(text) > MAX_POST_ID:
            raise InvalidIdentifier("a post id", text, "it is not a number of 1 to 19 digits")
        return cls(int(text))

    def __str__(self) -> str:
        return str(self.value)

    @property
    def url(self) -> str:
        """The address of the post that holds no name."""
        return f"https://x.com/i/status/{self.value}"


def parse_post_url(text: object) -> XPostId:
    """Parses the address of a post on any of X's hosts, or its bare id, strictly.

    `https://x.com/<name>/status/<id>`, `twitter.com/…`, `mobile.…`, `/i/status/<id>`,
    `/i/web/status/<id>`, each with any query, fragment or further path. Raises InvalidIdentifier.
    """
    kind = "the address of a post"
    if not isinstance(text, str):
        raise InvalidIdentifier(kind, text, "it is not a text")
    typed = text.strip()
    if len(typed) > MAX_POST_URL_CHARS:
        raise InvalidIdentifier(kind, typed, f"it is longer than {MAX_POST_URL_CHARS} characters")
    if _POST_ID.fullmatch(typed):
        return XPostId.parse(typed)
    return _id_in_path(typed, _path_on_x(typed))


def parse_pasted_post(text: object) -> XPostId:
    """Parses what a person pastes for a post, however it was copied, on X or on a site that shows it. Raises
    InvalidIdentifier.

    The number alone is taken: the post is read at the sources of the settings, never where the address leads.
    """
    kind = "the address of a post"
    typed = clean(kind, text)
    if _POST_ID.fullmatch(typed):
        return XPostId.parse(typed)
    url = PastedUrl.parse(kind, typed)
    if not is_x_host(url.host):
        raise InvalidIdentifier(kind, typed, "it is not on x.com or twitter.com")
    return _id_in_path(typed, list(url.segments or url.in_fragment))


def _path_on_x(typed: str) -> list[str]:
    kind = "the address of a post"
    try:
        parts = urlsplit(typed if "://" in typed else f"https://{typed}")
        port = parts.port
    except ValueError:
        raise InvalidIdentifier(kind, typed, "it is not an address") from None
    if parts.scheme not in {"http", "https"} or "@" in parts.netloc or port is not None:
        raise InvalidIdentifier(kind, typed, "it is not a web address")
    host = parts.hostname or ""
    for subdomain in _SUBDOMAINS:
        host = host.removeprefix(subdomain)
    if host not in _HOSTS:
        raise InvalidIdentifier(kind, typed, "it is not on x.com or twitter.com")
    return [segment for segment in parts.path.split("/") if segment]


def _id_in_path(typed: str, segments: list[str]) -> XPostId:
    if segments[:2] == ["i", "web"]:
        segments = segments[1:]
    if len(segments) < 3 or segments[1].lower() not in _STATUS:
        raise InvalidIdentifier("the address of a post", typed, "it names no post")
    return XPostId.parse(segments[2])
