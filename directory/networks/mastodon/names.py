"""Parses what a person types to name their account or its server."""

from urllib.parse import urlsplit

import msgspec

from directory.errors import InvalidIdentifier
from directory.identifiers import Acct, ActorUri, AtHandle, parse_target_account

KIND = "an account on a Mastodon-like server"


class Host(msgspec.Struct, frozen=True):
    """A server, or a domain, named without an account. The name is in lower case."""

    name: str


def parse_typed(text: str) -> Acct | ActorUri | Host:
    """Parses `@user@host`, `user@host`, `https://host/@user`, `https://host`, `host`. Raises InvalidIdentifier."""
    typed = text.strip()
    if "://" not in typed:
        return Acct.parse(typed) if "@" in typed else parse_host(typed)
    if _path(typed) in {"", "/"}:
        return parse_host(typed.partition("://")[2].rstrip("/"))
    name = parse_target_account(typed)
    if not isinstance(name, Acct | ActorUri):
        raise InvalidIdentifier(KIND, text, "it is an account of Bluesky's network")
    return name


def parse_host(text: str) -> Host:
    """Parses a public host name. Raises InvalidIdentifier."""
    try:
        # Handles of the AT Protocol are host names, by the same rules.
        return Host(AtHandle.parse(text).value)
    except InvalidIdentifier as error:
        raise InvalidIdentifier("the name of a server", text, error.why) from None


def _path(url: str) -> str:
    """Returns the path of an address. Raises InvalidIdentifier."""
    try:
        return urlsplit(url).path
    except ValueError:
        raise InvalidIdentifier(KIND, url, "it is not an address") from None
