"""The page of links: profiles to open and follow one by one, for whoever wants no file and gives no permission."""

from collections.abc import Iterable
from typing import Final

import msgspec

from directory.choosing import Chosen
from directory.exports import SurestFirst
from directory.follows.runs import Wanted
from directory.identifiers import TargetHandle, TargetId, XHandle
from directory.mappings import Network
from directory.ranking import Answer

LINKS_PAGE: Final = "links.html"
MAX_LINKS: Final = 10_000
"""How many links of a network one page holds."""


class ProfileLink(msgspec.Struct, frozen=True):
    """An account, and the name on X of whoever it is of, where it is known."""

    id: TargetId
    handle: TargetHandle
    x_handle: XHandle | None


LinksOfNetwork = tuple[Network, list[ProfileLink]]


def links_to_chosen(chosen: Iterable[Chosen]) -> list[LinksOfNetwork]:
    """Returns who is chosen on each network, as far as one page holds them: Bluesky first, which imports no file."""
    found = {network: SurestFirst[ProfileLink]() for network in (Network.BLUESKY, Network.MASTODON)}
    for each in chosen:
        if each.may_be_followed:
            found[each.answer.mapping.network].add(each.answer, _link_to)
    links = [(network, of_network.in_order()[:MAX_LINKS]) for network, of_network in found.items()]
    return [(network, of_network) for network, of_network in links if of_network]


def _link_to(answer: Answer) -> ProfileLink:
    mapping = answer.mapping
    return ProfileLink(mapping.target_id, mapping.target_handle, mapping.x_handle)


def links_to_wanted(network: Network, wanted: Iterable[Wanted]) -> list[LinksOfNetwork]:
    """Returns whom a plan would follow, as far as one page holds them."""
    people = [ProfileLink(each.account.id, each.account.handle, each.query.x_handle) for each in wanted]
    return [(network, people[:MAX_LINKS])] if people else []
