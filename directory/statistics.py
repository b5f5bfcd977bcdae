"""What is told of all who are in the directory: counts of one moment."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from directory.mappings import Network, Strength

Group = tuple[str, Network, Strength, int]
"""How many mappings of an origin lead to a network with a strength."""


class Statistics(msgspec.Struct, frozen=True):
    """Counts of the mappings that answered at a moment; `people` counts X accounts, by id or, lacking one, by
    handle."""

    mappings: int
    people: int
    by_network: dict[str, int]
    by_strength: dict[str, int]
    by_origin: dict[str, int]
    origins: int
    counted_at: datetime


def sum_up(groups: Sequence[Group], people: int, counted_at: datetime) -> Statistics:
    """Sums up groups, each of which is counted once. Pure."""
    by_network: dict[str, int] = {}
    by_strength: dict[str, int] = {}
    by_origin: dict[str, int] = {}
    for origin, network, strength, count in groups:
        by_origin[origin] = by_origin.get(origin, 0) + count
        by_network[network.value] = by_network.get(network.value, 0) + count
        by_strength[strength.label] = by_strength.get(strength.label, 0) + count
    total = sum(by_origin.values())
    return Statistics(total, people, by_network, by_strength, by_origin, len(by_origin), counted_at)
