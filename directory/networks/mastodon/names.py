"""Parses what a person types to name their account or its server."""

from typing import Final

import msgspec

from directory.errors import InvalidIdentifier
from directory.identifiers import Acct, ActorUri, AtHandle
from directory.pasted.cleaning import clean
from directory.pasted.hosts import parse_pasted_host
from directory.pasted.target_account import parse_target_account

KIND: Final = "an account on a Mastodon-like server"
_SCHEMES: Final = ("https://", "http://")


class Host(msgspec.Struct, frozen=True):
    """A server, or a domain, named without an account. The name is in lower case."""

    name: str


def parse_typed(text: str) -> Acct | ActorUri | Host:
    """Parses `@user@host`, `user@host`, `https://host/@user`, `https://host`, `host`. Raises InvalidIdentifier."""
    typed = clean(KIND, text)
    bare = _without_scheme(typed).rstrip("/")
    is_host = not set(bare) & set("/@")
    name = parse_target_account(f"https://{bare}" if is_host else typed)
    if is_host and isinstance(name, AtHandle):
        return Host(name.value)
    if not isinstance(name, Acct | ActorUri):
        raise InvalidIdentifier(KIND, text, "it is an account of Bluesky's network")
    return name


def parse_host(text: str) -> Host:
    """Parses a public host name. Raises InvalidIdentifier."""
    return Host(parse_pasted_host("the name of a server", text))


def _without_scheme(text: str) -> str:
    for scheme in _SCHEMES:
        if text[: len(scheme)].lower() == scheme:
            return text[len(scheme) :]
    return text
