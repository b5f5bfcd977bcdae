"""A member with a kept list whose newcomers are followed, and the days that pass."""

from datetime import timedelta

import msgspec

from directory.answers import take_in_leaves
from directory.follows.states import RunState
from directory.mappings import Mapping
from directory.members.consents import PRESENT_VERSION, ConsentKind
from directory.queries import Lists, parse_lines
from directory.services.follow_lists import FollowLists
from directory.services.lookup import Lookup
from directory.services.newcomers import Newcomers
from directory.services.planning import Planning, PlanStores
from directory.services.standing import Standing
from directory.store.arrivals import ArrivalStore
from directory.store.follow_lists import FollowListStore
from directory.store.ignored_people import IgnoredPeopleStore
from directory.store.mapping_rows import ensure_origin
from directory.store.mappings import MappingStore
from directory.store.members import MemberStore
from directory.store.standing_matches import StandingMatchStore
from tests.directory.follows.site import FIRST_X_ID, FollowSite, letters
from tests.harness.mappings import ORIGIN, bluesky


class Days:
    """A member with a kept list of twenty people, and the days that pass."""

    def __init__(self, site: FollowSite) -> None:
        self.site = site
        self.leaf = 0
        database, clock = site.database, site.clock
        self.lists = FollowLists(FollowListStore(database), clock)
        self.planning = Planning(
            Lookup(MappingStore(database), clock, ORIGIN),
            self.lists,
            PlanStores(ArrivalStore(database), IgnoredPeopleStore(database), StandingMatchStore(database)),
            clock,
            site.switches,
        )
        self.standing = Standing(
            StandingMatchStore(database), MemberStore(database), self.planning, site.following, clock
        )

    async def keep_list(self) -> None:
        people = parse_lines("\n".join(str(FIRST_X_ID + number) for number in range(20)))
        version = PRESENT_VERSION[ConsentKind.KEEP_FOLLOW_LIST]
        await self.lists.keep(self.site.member, Lists.FOLLOWING, people, consent=version)

    async def wish(self) -> None:
        await self.planning.set_standing(self.site.member, [self.site.account])

    async def arrive(self, *numbers: int) -> None:
        """People publish, here or at a peer, and meet the kept list."""
        await self.arrive_with(*(self.says(letters(number), number) for number in numbers))

    async def arrive_with(self, *mappings: Mapping) -> None:
        """Mappings are published, here or at a peer, and meet the kept list."""
        said = []
        for mapping in mappings:
            self.leaf += 1
            said.append((self.leaf, msgspec.structs.replace(mapping, leaf=self.leaf)))
        async with self.site.database.transaction() as connection:
            await ensure_origin(connection, ORIGIN)
            await take_in_leaves(connection, ORIGIN, said, self.site.clock.now())
        newcomers = Newcomers(ArrivalStore(self.site.database), self.site.clock)
        while arrival := await newcomers.claim_arrival():
            await newcomers.meet(arrival)

    def says(self, name: str, number: int) -> Mapping:
        return bluesky(name, FIRST_X_ID + number, issued=self.site.clock.now())

    async def work(self) -> int:
        """Makes all batches that are due, and drives their runs to the end. Returns how many wishes were claimed."""
        count = 0
        while wish := await self.standing.claim():
            count += 1
            if await self.standing.follow_newcomers(wish) is not None:
                await self.drive()
        return count

    async def drive(self) -> None:
        for _ in range(100):
            if await self.site.run_once() is not None:
                continue
            runs = await self.site.following.list_of(self.site.member)
            if not any(run.state in (RunState.PLANNED, RunState.RUNNING) for run in runs):
                return
            self.site.clock.advance(seconds=60)
        raise AssertionError(runs)

    def pass_days(self, days: int) -> None:
        self.site.clock.advance(seconds=timedelta(days=days).total_seconds())
