"""Takes a pasted web address apart, with or without its scheme."""

import re
from typing import Final, Self
from urllib.parse import SplitResult, urlsplit

import msgspec

from directory.errors import InvalidIdentifier
from directory.pasted.cleaning import decode, normalise
from directory.pasted.hosts import parse_pasted_host

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_DOTS: Final = frozenset({".", ".."})
"""Segments that programs take out of a path in different ways: what is asked would not be what is written."""
_NETLOC: Final = re.compile(r"([^:]+)(?::([0-9]*))?")
_PORTS: Final = {"https": {None, "", "443"}, "http": {None, "", "80"}}
# `urlsplit` drops tabs and line ends without a word, and browsers take a backslash for a slash.
_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f\\]|\s")


class PastedUrl(msgspec.Struct, frozen=True):
    """An address. `segments` are those of its path that hold something, decoded once; `path`, `query` and `fragment`
    are as they were written."""

    scheme: str
    host: str
    segments: tuple[str, ...]
    path: str
    query: str
    fragment: str

    @classmethod
    def parse(cls, kind: str, text: str) -> Self:
        """Parses an http(s) address without user or a port of its own. Raises InvalidIdentifier."""
        if _FORBIDDEN.search(text):
            raise InvalidIdentifier(kind, text, "it holds spaces or characters that no address has")
        parts = _split(kind, text)
        scheme, found = parts.scheme.lower(), _NETLOC.fullmatch(parts.netloc)
        if scheme not in _PORTS or not parts.netloc:
            raise InvalidIdentifier(kind, text, "it is not a web address")
        if "@" in parts.netloc or found is None or found[2] not in _PORTS[scheme]:
            raise InvalidIdentifier(kind, text, "it holds a user or a port")
        host = parse_pasted_host(kind, found[1])
        segments = _segments(kind, parts.path)
        if not _DOTS.isdisjoint(segments):
            raise InvalidIdentifier(kind, text, "its path goes up and down again")
        return cls(scheme, host, segments, parts.path, parts.query, parts.fragment)

    def field(self, kind: str, name: str) -> str | None:
        """Returns the first field of the query with that name, decoded once. Returns None where there is none."""
        for pair in self.query.split("&"):
            key, _, value = pair.partition("=")
            if key == name:
                return normalise(decode(kind, value))
        return None

    @property
    def in_fragment(self) -> tuple[str, ...]:
        """The segments of an address of a page that scripts fill: `#!/name`."""
        return tuple(segment for segment in self.fragment.removeprefix("!").split("/") if segment)

    @property
    def bare(self) -> str:
        """The address without its fragment, its host in the one spelling."""
        return f"{self.scheme}://{self.host}{self.path}{f'?{self.query}' if self.query else ''}"


def looks_like_url(text: str) -> bool:
    """Whether a cleaned text is an address rather than a name."""
    return "/" in text


def _split(kind: str, text: str) -> SplitResult:
    try:
        return urlsplit(text if _SCHEME.match(text) else f"https://{text.removeprefix('//')}")
    except ValueError:
        raise InvalidIdentifier(kind, text, "it is not an address") from None


def _segments(kind: str, path: str) -> tuple[str, ...]:
    return tuple(normalise(decode(kind, segment)) for segment in path.split("/") if segment)
