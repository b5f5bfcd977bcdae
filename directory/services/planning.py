"""Plans of runs: the matches they are made from, the people a member ignores, and their standing wishes.

Nothing of an uploaded list is kept: a plan is made anew each time, and what is started is stored with the run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from directory.accounts import LinkedAccount
from directory.clock import Clock
from directory.follows.errors import TooManyIgnored
from directory.follows.newcomers import Newcomer
from directory.follows.plan import IsTicked, Wishes
from directory.follows.runs import Source, StandingMatch
from directory.follows.switches import Switches
from directory.mappings import Network
from directory.queries import Lists, Query
from directory.ranking import Match
from directory.services.follow_lists import FollowLists
from directory.services.lookup import Lookup
from directory.store.arrivals import ArrivalStore
from directory.store.ignored_people import IgnoredPeopleStore
from directory.store.standing_matches import StandingMatchStore

UPLOADED: Final = frozenset({Source.UPLOAD, Source.FOLLOWERS})
"""Their people come with the request, and nothing of them is kept."""


@dataclass(frozen=True, slots=True)
class PlanStores:
    """What plans are read from."""

    arrivals: ArrivalStore
    ignored: IgnoredPeopleStore
    standing: StandingMatchStore


class Planning:
    """The way from a list to a plan."""

    def __init__(
        self,
        lookup: Lookup,
        follow_lists: FollowLists,
        people: PlanStores,
        clock: Clock,
        switches: Switches,
    ) -> None:
        self._lookup = lookup
        self._follow_lists = follow_lists
        self._arrivals = people.arrivals
        self._ignored = people.ignored
        self._standing = people.standing
        self._clock = clock
        self._switches = switches

    async def match(self, member: UUID, source: Source, uploaded: Sequence[Query]) -> list[Match]:
        """Matches the list that a source names: the uploaded one, or what is kept of the member's.

        Raises DirectoryUnavailable.
        """
        queries = uploaded if source in UPLOADED else await self._queries(member, source)
        return await self._lookup.match(queries, with_evidence=False)

    async def match_newcomers(self, member: UUID, since: datetime) -> list[Match]:
        """Matches those of a member's kept list who were found since then, with the accounts alone that were found since."""
        found = [each for each in await self._arrivals.list_newcomers(member) if each.found_at >= since]
        people = only_newcomers(await self._kept(member), found)
        return only_arrived(await self._lookup.match(people, with_evidence=False), found)

    async def wishes(
        self, account: LinkedAccount, own: Sequence[LinkedAccount], is_ticked: IsTicked
    ) -> Wishes:
        """Returns what a plan for one account of a member depends on. `own` are all accounts of the member."""
        network = Network(account.network.value)
        return Wishes(
            network,
            is_ticked,
            own={str(each.account.id) for each in own if each.target is not None},
            ignored=await self._ignored.find_ignored(account.member, network),
            is_closed=self._switches.stop_target,
        )

    async def ignored(self, member: UUID, network: Network) -> frozenset[str]:
        """Returns the ids of those whom a member ignores on a network."""
        return await self._ignored.find_ignored(member, network)

    async def ignore(self, member: UUID, network: Network, target_id: str) -> None:
        """Ignores somebody in all plans from now on. Raises MemberGone, TooManyIgnored."""
        if not await self._ignored.ignore(member, network, target_id, self._clock.now()):
            raise TooManyIgnored

    async def restore(self, member: UUID, network: Network, target_id: str) -> bool:
        """Offers somebody again; returns whether they were ignored."""
        return await self._ignored.restore(member, network, target_id)

    async def standing(self, member: UUID) -> list[StandingMatch]:
        """Lists the accounts with which a member wants newcomers followed."""
        return await self._standing.list_standing(member)

    async def set_standing(self, member: UUID, accounts: Sequence[UUID]) -> None:
        """Sets with which accounts newcomers are followed. Raises MemberGone, UnknownAccount."""
        await self._standing.set_standing(member, accounts, self._clock.now())

    async def count_newcomers(self, member: UUID) -> int:
        """Counts the newcomers found for a member's kept list."""
        return len(await self._arrivals.list_newcomers(member))

    async def _queries(self, member: UUID, source: Source) -> Sequence[Query]:
        kept = await self._kept(member)
        if source is Source.ARRIVAL:
            return only_newcomers(kept, await self._arrivals.list_newcomers(member))
        return kept

    async def _kept(self, member: UUID) -> list[Query]:
        kept = await self._follow_lists.find(member, Lists.FOLLOWING)
        return kept.queries() if kept is not None else []


def matches_of(source: Source, matches: Sequence[Match]) -> Sequence[Match]:
    """Returns the matches of a list that a source means: for FOLLOWERS those who followed the member, each as somebody
    asked for in person, as no list of people followed has them."""
    if source is not Source.FOLLOWERS:
        return matches
    return [
        Match(msgspec.structs.replace(match.query, lists=Lists.NONE), match.answers)
        for match in matches
        if Lists.FOLLOWER in match.query.lists and not match.query.lists.is_refused
    ]


def only_newcomers(kept: Sequence[Query], newcomers: Sequence[Newcomer]) -> list[Query]:
    """Returns those of a kept list who have newly arrived."""
    ids = {each.mapping.x_id for each in newcomers if each.mapping.x_id is not None}
    handles = {each.mapping.x_handle.key for each in newcomers}
    return [
        query
        for query in kept
        if query.x_id in ids or (query.x_handle is not None and query.x_handle.key in handles)
    ]


def only_arrived(matches: Sequence[Match], newcomers: Sequence[Newcomer]) -> list[Match]:
    """Returns matches with those of their accounts that newly arrived. Another account of the same person, on another network
    or of somebody who has the handle too, may have been there for long, and been left out by the member."""
    arrived = {each.mapping.target_id for each in newcomers}
    narrowed = (
        Match(match.query, tuple(each for each in match.answers if each.mapping.target_id in arrived))
        for match in matches
    )
    return [match for match in narrowed if match.answers]
