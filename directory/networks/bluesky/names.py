"""Parses what a person types to name their account on Bluesky's network, or its server."""

from contextlib import suppress
from typing import Final

from directory.errors import InvalidIdentifier
from directory.identifiers import AtHandle, Did
from directory.networks.bluesky.origins import parse_origin
from directory.networks.sign_in_errors import ServerMisbehaved
from directory.pasted.cleaning import clean
from directory.pasted.target_account import parse_target_account

_KIND: Final = "a Bluesky account"


def parse_typed(text: str, *, allow_loopback: bool = False) -> Did | AtHandle | str:
    """Parses a handle, a DID, a profile page, or the address of a server, which comes back as its origin, a str.

    Raises InvalidIdentifier.
    """
    typed = clean(_KIND, text)
    with suppress(ServerMisbehaved):
        return parse_origin(typed, allow_loopback=allow_loopback)
    return _account(typed)


def handle_of_site(origin: str) -> AtHandle | None:
    """Returns the handle that the address of a site is, too: `https://ada.example`. None where it cannot be one."""
    with suppress(InvalidIdentifier):
        name = _account(origin)
        return name if isinstance(name, AtHandle) else None
    return None


def _account(text: str) -> Did | AtHandle:
    name = parse_target_account(text)
    if not isinstance(name, Did | AtHandle):
        raise InvalidIdentifier(_KIND, text, "it is not an account of Bluesky's network")
    return name
