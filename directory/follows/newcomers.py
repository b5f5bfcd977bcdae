"""Newcomers: people on a member's kept list of follows whose mappings are taken in after the list was kept. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import msgspec

from directory.identifiers import XId
from directory.mappings import Mapping
from directory.members.kept_lists import Waiting
from directory.queries import Query
from directory.ranking import select_candidates


class Newcomer(msgspec.Struct, frozen=True):
    """A mapping that was found for a member's kept list, and when."""

    mapping: Mapping
    found_at: datetime


def match_waiting(waiting: Sequence[Waiting], mappings: Sequence[Mapping]) -> list[tuple[Mapping, Waiting]]:
    """Pairs each mapping with the members whose kept list holds its X account.

    Matches by id where both sides have one, else by handle: a handle beside a different id is another person's.
    """
    of: defaultdict[XId | str, list[Mapping]] = defaultdict(list)
    for mapping in mappings:
        if mapping.x_id is not None:
            of[mapping.x_id].append(mapping)
        of[mapping.x_handle.key].append(mapping)
    return [
        (candidate.mapping, each)
        for each in waiting
        for candidate in select_candidates(each.query, _that_may_be(each.query, of))
    ]


def _that_may_be(query: Query, of: dict[XId | str, list[Mapping]]) -> list[Mapping]:
    """Finds the mappings that match the id or the handle of a query, each once."""
    by_id = of.get(query.x_id, []) if query.x_id is not None else []
    by_handle = of.get(query.x_handle.key, []) if query.x_handle is not None else []
    return by_id + [mapping for mapping in by_handle if mapping not in by_id]
