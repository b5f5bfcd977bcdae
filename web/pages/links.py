"""The page of links: profiles to open and follow one by one, for whoever wants no file and gives no permission."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from directory.choosing import Chosen
from directory.exports import chosen_on
from directory.follows.runs import Wanted
from directory.identifiers import TargetHandle, TargetId, XHandle
from directory.mappings import Network

LINKS_PAGE: Final = "links.html"
MAX_LINKS: Final = 10_000
"""How many links of a network one page holds."""


class ProfileLink(msgspec.Struct, frozen=True):
    """An account, and the name on X of whoever it is of, where it is known."""

    id: TargetId
    handle: TargetHandle
    x_handle: XHandle | None


LinksOfNetwork = tuple[Network, list[ProfileLink]]


def links_to_chosen(chosen: Sequence[Chosen]) -> list[LinksOfNetwork]:
    """Returns who is chosen on each network, as far as one page holds them: Bluesky first, which imports no file."""
    found = [
        (network, chosen_on(chosen, network)[:MAX_LINKS]) for network in (Network.BLUESKY, Network.MASTODON)
    ]
    return [
        (
            network,
            [
                ProfileLink(each.mapping.target_id, each.mapping.target_handle, each.mapping.x_handle)
                for each in answers
            ],
        )
        for network, answers in found
        if answers
    ]


def links_to_wanted(network: Network, wanted: Iterable[Wanted]) -> list[LinksOfNetwork]:
    """Returns whom a plan would follow, as far as one page holds them."""
    people = [ProfileLink(each.account.id, each.account.handle, each.query.x_handle) for each in wanted]
    return [(network, people[:MAX_LINKS])] if people else []
