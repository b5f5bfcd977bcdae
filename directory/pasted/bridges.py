"""Reads the names that Bridgy Fed gives to people of one network on the other: https://fed.brid.gy/docs

A person of Bluesky is `<handle>@bsky.brid.gy` in the Fediverse. A person of the Fediverse is
`<user>.<host>.ap.brid.gy` on Bluesky, with `_` and `~` of the user written as `-`: which account that is can be told
from the name alone only where the host has two labels and the user no `-`. Every other is left as it is.
"""

from typing import Final

from directory.errors import InvalidIdentifier
from directory.identifiers import Acct, AtHandle

PAGES: Final = "fed.brid.gy"
OF_BLUESKY: Final = "bsky.brid.gy"
_OF_FEDIVERSE: Final = ".ap.brid.gy"
_LABELS: Final = 3


def bridged_from_bluesky(acct: Acct) -> AtHandle | None:
    """Returns the handle of the person whom a bridged address names; None for every other address."""
    return AtHandle.parse(acct.user) if acct.host == OF_BLUESKY else None


def bridged_from_fediverse(handle: AtHandle) -> Acct | None:
    """Returns the address of the person whom a bridged handle names; None where it names none, or could be of two."""
    if not handle.value.endswith(_OF_FEDIVERSE):
        return None
    labels = handle.value.removesuffix(_OF_FEDIVERSE).split(".")
    if len(labels) != _LABELS or "-" in labels[0]:
        return None
    try:
        return Acct.parse(f"{labels[0]}@{'.'.join(labels[1:])}")
    except InvalidIdentifier:
        return None
