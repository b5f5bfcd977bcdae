"""Arrivals held against kept lists: who was waited for is found, whatever dies in between."""

from uuid import UUID

import pytest

from directory.answers import take_in_leaves
from directory.mappings import Mapping
from directory.members.consents import ConsentKind
from directory.queries import Lists, parse_lines
from directory.services.consenting import Consenting
from directory.services.follow_lists import FollowLists
from directory.services.membership import Membership
from directory.services.newcomers import Newcomers
from directory.store.arrivals import ARRIVAL_LEASE, LEAVES_AT_ONCE, Arrival, ArrivalStore, fetch_newcomers
from directory.store.database import Database
from tests.directory.members.people import at_bluesky
from tests.directory.test_answers import said
from tests.harness.clock import FakeClock
from tests.harness.mappings import ORIGIN, bluesky


@pytest.fixture
def newcomers(database: Database, clock: FakeClock) -> Newcomers:
    return Newcomers(ArrivalStore(database), clock)


@pytest.fixture
async def member(membership: Membership) -> UUID:
    return (await membership.sign_in(at_bluesky("me"))).member


async def arrive(database: Database, clock: FakeClock, *people: Mapping, first: int = 0) -> None:
    async with database.transaction() as connection:
        await take_in_leaves(connection, ORIGIN, said(*people, first=first), clock.now())


async def claim(newcomers: Newcomers) -> Arrival:
    arrival = await newcomers.claim_arrival()
    assert arrival is not None
    return arrival


async def found_for(database: Database, member: UUID) -> list[str]:
    async with database.connection() as connection:
        return [str(each.mapping.x_handle) for each in await fetch_newcomers(connection, member)]


async def test_newcomers_are_found_for_those_who_wait(
    database: Database, newcomers: Newcomers, follow_lists: FollowLists, member: UUID, clock: FakeClock
) -> None:
    await follow_lists.keep(member, Lists.FOLLOWING, parse_lines("1\n2"), consent=1)
    await arrive(database, clock, bluesky("ann", 1), bluesky("stranger", 9), bluesky("bob", 2))
    arrival = await claim(newcomers)
    assert await newcomers.meet(arrival) == 2
    assert await newcomers.meet(arrival) == 0
    assert await newcomers.claim_arrival() is None
    assert await found_for(database, member) == ["ann", "bob"]


async def test_a_long_arrival_is_met_in_steps_and_a_late_step_changes_nothing(
    database: Database, newcomers: Newcomers, follow_lists: FollowLists, member: UUID, clock: FakeClock
) -> None:
    """The first sync of a large peer: a worker that dies in the middle has lost nothing, one that comes too late
    does nothing again."""
    count = LEAVES_AT_ONCE + 3
    await follow_lists.keep(member, Lists.FOLLOWING, parse_lines(f"1\n{count}"), consent=1)
    await arrive(database, clock, *(bluesky(f"p{number}", number) for number in range(1, count + 1)))
    died = await claim(newcomers)
    assert await newcomers.claim_arrival() is None
    clock.advance(seconds=ARRIVAL_LEASE.total_seconds())
    first = await claim(newcomers)
    assert await newcomers.meet(died) == 0
    assert await newcomers.meet(first) == 1
    second = await claim(newcomers)
    assert second.next_leaf == LEAVES_AT_ONCE
    assert await newcomers.meet(first) == 0
    await newcomers.release_arrival(second)
    assert await newcomers.meet(await claim(newcomers)) == 1
    assert await newcomers.claim_arrival() is None
    assert await found_for(database, member) == ["p1", f"p{count}"]


async def test_newcomers_go_with_the_list_and_its_consent(  # noqa: PLR0917 - fixtures
    database: Database,
    newcomers: Newcomers,
    follow_lists: FollowLists,
    consenting: Consenting,
    member: UUID,
    clock: FakeClock,
) -> None:
    await follow_lists.keep(member, Lists.FOLLOWING, parse_lines("1"), consent=1)
    await arrive(database, clock, bluesky("ann", 1))
    await newcomers.meet(await claim(newcomers))
    assert await found_for(database, member) == ["ann"]
    await follow_lists.keep(member, Lists.FOLLOWING, parse_lines("1\n5"))
    assert await found_for(database, member) == []
    await arrive(database, clock, bluesky("eve", 5), first=1)
    await newcomers.meet(await claim(newcomers))
    assert await found_for(database, member) == ["eve"]
    await consenting.withdraw(member, ConsentKind.KEEP_FOLLOW_LIST)
    assert await found_for(database, member) == []
