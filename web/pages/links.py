"""The page of links: profiles to open and follow one by one, for whoever wants no file and gives no permission."""

from collections.abc import Iterable, Sequence
from typing import Final, Self

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


class LinksOfNetwork(msgspec.Struct, frozen=True):
    """Whom one page holds of a network, and how many it has no room for."""

    network: Network
    people: Sequence[ProfileLink]
    more: int

    @classmethod
    def of(cls, network: Network, people: Sequence[ProfileLink]) -> Self:
        return cls(network, people[:MAX_LINKS], max(0, len(people) - MAX_LINKS))


def links_to_chosen(chosen: Iterable[Chosen]) -> list[LinksOfNetwork]:
    """Returns who is chosen on each network, as far as one page holds them: Bluesky first, which imports no file.

    Each account once, by its id: two people can be known by one name, the former bearer of a handle and the present one.
    """
    found = {network: SurestFirst[ProfileLink]() for network in (Network.BLUESKY, Network.MASTODON)}
    for each in chosen:
        if each.may_be_followed:
            mapping = each.answer.mapping
            found[mapping.network].add(str(mapping.target_id), each.answer, _link_to)
    links = [LinksOfNetwork.of(network, of_network.in_order()) for network, of_network in found.items()]
    return [each for each in links if each.people]


def _link_to(answer: Answer) -> ProfileLink:
    mapping = answer.mapping
    return ProfileLink(mapping.target_id, mapping.target_handle, mapping.x_handle)


def links_to_wanted(network: Network, wanted: Iterable[Wanted]) -> list[LinksOfNetwork]:
    """Returns whom a plan would follow, as far as one page holds them."""
    people = [ProfileLink(each.account.id, each.account.handle, each.query.x_handle) for each in wanted]
    return [LinksOfNetwork.of(network, people)] if people else []
