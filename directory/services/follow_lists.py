"""Follow lists that members let us keep, so that newcomers can be followed as they arrive.

A list is kept for a year, while the consent to it holds, and deleted in the moment that it does not. It is
never shared, and answers one question only: who was waiting for this X account.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from directory.clock import Clock
from directory.identifiers import XHandle, XId
from directory.mappings import Mapping
from directory.members.kept_lists import KeptList, Waiting, pack_list
from directory.queries import Lists, Query
from directory.ranking import select_candidates
from directory.store.follow_lists import FollowListStore


class FollowLists:
    """The kept lists of this instance's members."""

    def __init__(self, follow_lists: FollowListStore, clock: Clock) -> None:
        self._follow_lists = follow_lists
        self._clock = clock

    async def keep(
        self, member: UUID, kind: Lists, people: Iterable[Query], consent: int | None = None
    ) -> KeptList:
        """Keeps a list in place of the one before; `consent` as for publishing.

        Raises InvalidQuery, MemberGone, ConsentMissing, ConsentOutdated.
        """
        kept = pack_list(kind, people, self._clock.now())
        await self._follow_lists.keep(member, kept, consent)
        return kept

    async def find(self, member: UUID, kind: Lists) -> KeptList | None:
        """A member's list, while its consent holds."""
        return await self._follow_lists.find(member, kind, self._clock.now())

    async def sizes(self, member: UUID) -> dict[Lists, int]:
        """How many people stand on each list that is kept."""
        return await self._follow_lists.sizes(member)

    async def drop(self, member: UUID, kind: Lists) -> bool:
        """Deletes one list; returns whether it was kept."""
        return await self._follow_lists.drop(member, kind)

    async def who_waits_for(self, mappings: Sequence[Mapping]) -> list[tuple[Mapping, Waiting]]:
        """Whose kept lists of people they follow hold the X account of one of these mappings.

        By id where both sides know it, else by handle: a handle beside another id is of somebody else.
        """
        x_ids: list[XId] = [mapping.x_id for mapping in mappings if mapping.x_id is not None]
        x_handles: list[XHandle] = [mapping.x_handle for mapping in mappings]
        waiting = await self._follow_lists.find_waiting(x_ids, x_handles, self._clock.now())
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
    """The mappings found by either half of a query, each once."""
    by_id = of.get(query.x_id, []) if query.x_id is not None else []
    by_handle = of.get(query.x_handle.key, []) if query.x_handle is not None else []
    return by_id + [mapping for mapping in by_handle if mapping not in by_id]
