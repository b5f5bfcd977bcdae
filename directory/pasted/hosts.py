"""Gives a pasted host name its one spelling: lower case, A-labels, no dot at the end."""

import unicodedata
from typing import Final

from directory.errors import InvalidIdentifier
from directory.host_names import InvalidHost, is_host_name, is_local_name, parse_host_name

_WHY: Final = "the server's name is not a host name"


def parse_pasted_host(kind: str, text: str) -> str:
    """Parses a public host name in either form of an international one, composed or not. Raises InvalidIdentifier.

    A letter that only a compatibility mapping turns into another (`ⓧ`, `ﬁ`, `ſ`) is refused: nobody typed it.
    """
    host = text.removesuffix(".")
    try:
        host = host.lower() if host.isascii() else parse_host_name(_composed(kind, host))
    except InvalidHost:
        raise InvalidIdentifier(kind, text, _WHY) from None
    if not is_host_name(host) or is_local_name(host):
        raise InvalidIdentifier(kind, text, _WHY)
    return host


def _composed(kind: str, host: str) -> str:
    # Letter by letter: a whole text in lower case ends in another sigma.
    composed = "".join(letter.lower() for letter in unicodedata.normalize("NFC", host))
    if any(unicodedata.normalize("NFKC", letter) != letter for letter in composed if not letter.isascii()):
        raise InvalidIdentifier(kind, host, "a letter of the server's name stands for another one")
    return unicodedata.normalize("NFC", composed)
