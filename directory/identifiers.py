"""The names of people on the networks, parsed once at the edge into frozen values.

These parsers are strict; what people paste goes through `directory.pasted` first.

Every parser is total: it returns a value or raises `InvalidIdentifier`. For every value `v`
of a type `T` here, `T.parse(str(v)) == v`.

Identity words are not synonyms. An `XId`, a `Did` and an `ActorUri` stay with a person; an
`XHandle`, an `AtHandle` and an `Acct` are labels that can pass to somebody else.
"""

import re
from typing import Final, Self
from urllib.parse import SplitResult, urlsplit

import msgspec

from directory.errors import InvalidIdentifier
from directory.x_names import X_NAME, X_NAME_CHARS

MAX_X_ID: Final = 2**63 - 1
MAX_URL_CHARS: Final = 2_048
MAX_HOST_CHARS: Final = 253
MAX_ACCT_USER_CHARS: Final = 64

_X_ID = re.compile(r"[1-9][0-9]{0,18}")
_X_NAME_RULE: Final = f"a handle is 1 to {X_NAME_CHARS} letters, digits or _"
# https://web.plc.directory/spec/v0.1/did-plc and https://atproto.com/specs/did (did:web: a host, no path)
_DID_PLC = re.compile(r"did:plc:[a-z2-7]{24}")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
# The same, with a last label that begins with a letter.
_PUBLIC_HOST = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
# A path that is more than a slash, of characters that need no thought: no query, fragment, user or port.
_PLAIN_ACTOR = re.compile(rf"https://({_PUBLIC_HOST.pattern})/[A-Za-z0-9@_~.-][A-Za-z0-9@_~./-]*")
_ACCT_USER = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_URL_CHARS = re.compile(r"[!-~]+")


def _text(kind: str, text: object, max_chars: int) -> str:
    if not isinstance(text, str):
        raise InvalidIdentifier(kind, text, "it is not a text")
    if len(text) > max_chars:
        raise InvalidIdentifier(kind, text, f"it is longer than {max_chars} characters")
    return text


def _parse_host(kind: str, text: str) -> str:
    """Parses a public host name in lower case, without port. Raises InvalidIdentifier."""
    host = text.lower()
    if len(host) > MAX_HOST_CHARS or not _PUBLIC_HOST.fullmatch(host):
        is_host = len(host) <= MAX_HOST_CHARS and _HOST.fullmatch(host)
        fault = "ends in a number" if is_host else "is not a host name"
        raise InvalidIdentifier(kind, text, f"the server's name {fault}")
    return host


def _parse_url(kind: str, text: object) -> SplitResult:
    """Parses an http(s) URL without user, password, port or characters outside printable ASCII. Raises
    InvalidIdentifier."""
    url = _text(kind, text, MAX_URL_CHARS)
    if not _URL_CHARS.fullmatch(url):
        raise InvalidIdentifier(kind, url, "it holds spaces or characters that no address has")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidIdentifier(kind, url, "it is not an address") from None
    if parts.scheme.lower() not in {"http", "https"} or not parts.hostname:
        raise InvalidIdentifier(kind, url, "it is not a web address")
    if "@" in parts.netloc or port is not None:
        raise InvalidIdentifier(kind, url, "it holds a user or a port")
    return parts


class XId(msgspec.Struct, frozen=True, order=True, gc=False):
    """The number of an X account: 1 to 2^63 - 1, kept for life."""

    value: int

    @classmethod
    def parse(cls, text: object) -> Self:
        """Parses decimal digits without sign, space or leading zero."""
        if isinstance(text, str) and _X_ID.fullmatch(text) and (number := int(text)) <= MAX_X_ID:
            return cls(number)
        _text("an X id", text, 32)
        raise InvalidIdentifier("an X id", text, "an id is a number of 1 to 19 digits")

    def __str__(self) -> str:
        return str(self.value)


class XHandle(msgspec.Struct, frozen=True, order=True, gc=False):
    """An X handle without its @, in the case it was written in. Compare by `key`."""

    value: str

    @classmethod
    def parse(cls, text: object) -> Self:
        """Parses `name` or `@name`: 1 to 20 ASCII letters, digits and underscores."""
        handle = _text("an X handle", text, MAX_URL_CHARS).removeprefix("@")
        if not X_NAME.fullmatch(handle):
            raise InvalidIdentifier("an X handle", text, _X_NAME_RULE)
        return cls(handle)

    @property
    def key(self) -> str:
        """The form in which handles are compared: X ignores case."""
        return self.value.lower()

    def __str__(self) -> str:
        return self.value


class Did(msgspec.Struct, frozen=True, order=True, gc=False):
    """A decentralised identifier of the AT Protocol: `did:plc:…` or `did:web:<host>`."""

    value: str

    @classmethod
    def parse(cls, text: object) -> Self:
        """Parses a DID of one of the two methods that the network accepts. https://atproto.com/specs/did"""
        if isinstance(text, str) and _DID_PLC.fullmatch(text):
            return cls(text)
        did = _text("a DID", text, MAX_HOST_CHARS + 8)
        if did.startswith("did:web:"):
            return cls("did:web:" + _parse_host("a DID", did.removeprefix("did:web:")))
        raise InvalidIdentifier("a DID", text, "it is neither did:plc:… nor did:web:…")

    def __str__(self) -> str:
        return self.value


class AtHandle(msgspec.Struct, frozen=True, order=True, gc=False):
    """A handle of the AT Protocol, which is a host name: `alice.bsky.social`, in lower case."""

    value: str

    @classmethod
    def parse(cls, text: object) -> Self:
        """Parses a handle; a leading @ is dropped. https://atproto.com/specs/handle"""
        handle = _text("a Bluesky handle", text, MAX_HOST_CHARS + 1).removeprefix("@")
        return cls(_parse_host("a Bluesky handle", handle))

    @property
    def key(self) -> str:
        """The form in which handles are compared: a host name is in lower case already."""
        return self.value

    def __str__(self) -> str:
        return self.value


NO_HANDLE: Final = AtHandle("handle.invalid")
"""Stands for the handle of an account that no handle leads to, as the AT Protocol has it. It is nobody's name."""


class Acct(msgspec.Struct, frozen=True, order=True, gc=False):
    """The address of an account on a Mastodon-API server: `user@host`; the host in lower case."""

    user: str
    host: str

    @classmethod
    def parse(cls, text: object) -> Self:
        """Parses `user@host`, `@user@host` or `acct:user@host` (RFC 7565)."""
        kind = "an account address"
        acct = _text(kind, text, MAX_URL_CHARS).removeprefix("acct:").removeprefix("@")
        user, at, host = acct.partition("@")
        if not at:
            raise InvalidIdentifier(kind, text, "the server is missing: write user@server")
        if len(user) > MAX_ACCT_USER_CHARS or not _ACCT_USER.fullmatch(user):
            raise InvalidIdentifier(kind, text, "the part before @ is not an account name")
        return cls(user, _parse_host(kind, host))

    @property
    def key(self) -> str:
        """The form in which addresses are compared: servers ignore case."""
        return str(self).lower()

    def __str__(self) -> str:
        return f"{self.user}@{self.host}"


class ActorUri(msgspec.Struct, frozen=True, order=True, gc=False):
    """The ActivityPub id of an account: an https URL, its host in lower case, all else as given."""

    value: str

    @classmethod
    def parse(cls, text: object) -> Self:
        """Reads an https URL with a path; without user, port or fragment."""
        kind = "an actor address"
        if (plain := _plain_actor(text)) is not None:
            return cls(plain)
        parts = _parse_url(kind, text)
        if parts.scheme.lower() != "https" or parts.fragment:
            raise InvalidIdentifier(kind, text, "it must start with https:// and hold no #")
        if parts.path in {"", "/"}:
            raise InvalidIdentifier(kind, text, "it names a server, not an account")
        host = _parse_host(kind, parts.hostname or "")
        query = f"?{parts.query}" if parts.query else ""
        return cls(f"https://{host}{parts.path}{query}")

    @property
    def host(self) -> str:
        return urlsplit(self.value).hostname or ""

    def __str__(self) -> str:
        return self.value


def _plain_actor(text: object) -> str | None:
    """The address as it is, where it is in the form that nearly all have; a log is read thousands at a time.

    Returns None for every other, which is then taken apart.
    """
    if (
        not isinstance(text, str)
        or len(text) > MAX_URL_CHARS
        or (found := _PLAIN_ACTOR.fullmatch(text)) is None
    ):
        return None
    return text if len(found[1]) <= MAX_HOST_CHARS else None


TargetId = Did | ActorUri
TargetHandle = AtHandle | Acct
