"""Normalises the host name of an instance: one host has one spelling, since its log is named after it for ever."""

import re
from typing import Final

import idna

from directory.errors import DirectoryError

MAX_TYPED_CHARS: Final = 1_024
MAX_HOST_CHARS: Final = 253
LOCAL_HOST: Final = "localhost"
LOCAL_SUFFIX: Final = ".localhost"
DEMO_HOSTS: Final = ("demo.localhost", "echo.localhost")
"""The hosts of the people whom `passerelle demo` invents; no instance has them."""

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label begins with a letter, so that no numeric address is taken for a name.
_NAME: Final = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
_NO_LABEL_CHARS: Final = re.compile(r"[\x00-\x20\x7f/\\@:?#%\[\]]")


class InvalidHost(DirectoryError):
    """A text is not the name of a host that an instance can have. `why` never quotes the text."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def is_host_name(text: str) -> bool:
    """Whether a text is a host name in its one spelling: lower case, A-labels, no port, no dot at the end."""
    return text == LOCAL_HOST or (len(text) <= MAX_HOST_CHARS and _NAME.fullmatch(text) is not None)


def is_local_name(host: str) -> bool:
    """Whether a host name in its one spelling is every machine's own (RFC 6761), so that it names no instance."""
    return host == LOCAL_HOST or host.endswith(LOCAL_SUFFIX)


def parse_host_name(text: str) -> str:
    """Parses a host name as people type it, and returns its one spelling. Raises InvalidHost.

    Upper case, a dot at the end and characters beyond ASCII (UTS 46, then IDNA 2008) are taken.
    """
    if not text or len(text) > MAX_TYPED_CHARS or _NO_LABEL_CHARS.search(text):
        raise InvalidHost("that is not the name of a host")
    try:
        host = idna.encode(text, uts46=True, std3_rules=True).decode("ascii").lower().removesuffix(".")
    except (idna.IDNAError, UnicodeError):
        raise InvalidHost(
            "a character or a part of the host's name is not allowed in a registered one"
        ) from None
    if not is_host_name(host):
        raise InvalidHost("the host has to be a name such as find.example.org, not a number and not one word")
    return host
