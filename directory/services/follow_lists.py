"""Follow lists that members let us keep, so that they can follow newcomers as they arrive.

A list is kept for a year while its consent holds, and deleted as soon as it does not. It is never shared. It
answers one question only, in `directory.services.newcomers`: who waits for this X account.
"""

from collections.abc import Iterable
from uuid import UUID

from directory.clock import Clock
from directory.members.kept_lists import KeptList, pack_list
from directory.queries import Lists, Query
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
        await self._follow_lists.keep_list(member, kept, consent)
        return kept

    async def find(self, member: UUID, kind: Lists) -> KeptList | None:
        """Finds a member's list. Returns None where none is kept, or its consent no longer holds."""
        return await self._follow_lists.find_list(member, kind, self._clock.now())

    async def sizes(self, member: UUID) -> dict[Lists, int]:
        """Counts the people on each list that is kept."""
        return await self._follow_lists.count_people(member)

    async def drop(self, member: UUID, kind: Lists) -> bool:
        """Deletes one list; returns whether it was kept. Raises MemberGone."""
        return await self._follow_lists.drop_list(member, kind, self._clock.now())
