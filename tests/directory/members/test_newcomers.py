"""Arrivals held against kept lists: who was waited for is found, whatever dies in between."""

from uuid import UUID

import pytest

from directory.answers import take_in_leaves
from directory.members.consents import ConsentKind
from directory.queries import Lists, parse_lines
from directory.services.consenting import Consenting
from directory.services.follow_lists import FollowLists
from directory.services.membership import Membership
from directory.services.newcomers import Newcomers
from directory.store.arrivals import LEAVES_AT_ONCE, Arrival, ArrivalStore, fetch_newcomers
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


async def arrivals(database: Database) -> list[Arrival]:
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT id, attempts, origin, next_leaf, end_leaf FROM arrival ORDER BY id"
        )
    return [Arrival(*row) for row in rows]


async def found_for(database: Database, member: UUID) -> list[str]:
    async with database.connection() as connection:
        return [str(each.mapping.x_handle) for each in await fetch_newcomers(connection, member)]


async def test_newcomers_are_found_for_those_who_wait(
    database: Database, newcomers: Newcomers, follow_lists: FollowLists, member: UUID, clock: FakeClock
) -> None:
    await follow_lists.keep(member, Lists.FOLLOWING, parse_lines("1\n2"), consent=1)
    async with database.transaction() as connection:
        await take_in_leaves(
            connection, ORIGIN, said(bluesky("ann", 1), bluesky("stranger", 9), bluesky("bob", 2))
        )
    (arrival,) = await arrivals(database)
    assert await newcomers.meet(arrival) == 2
    assert await newcomers.meet(arrival) == 0
    assert await arrivals(database) == []
    assert await found_for(database, member) == ["ann", "bob"]


async def test_a_long_arrival_is_met_in_steps_and_a_late_step_changes_nothing(
    database: Database, newcomers: Newcomers, follow_lists: FollowLists, member: UUID
) -> None:
    """The first sync of a large peer: a worker that dies in the middle has lost nothing, one that comes too late
    does nothing again."""
    count = LEAVES_AT_ONCE + 3
    await follow_lists.keep(member, Lists.FOLLOWING, parse_lines(f"1\n{count}"), consent=1)
    async with database.transaction() as connection:
        people = [bluesky(f"p{number}", number) for number in range(1, count + 1)]
        await take_in_leaves(connection, ORIGIN, said(*people))
    (first,) = await arrivals(database)
    assert await newcomers.meet(first) == 1
    (second,) = await arrivals(database)
    assert second.next_leaf == LEAVES_AT_ONCE
    assert await newcomers.meet(first) == 0
    assert await newcomers.meet(second) == 1
    assert await arrivals(database) == []
    assert await found_for(database, member) == ["p1", f"p{count}"]


async def test_newcomers_go_with_the_list_and_its_consent(
    database: Database, newcomers: Newcomers, follow_lists: FollowLists, consenting: Consenting, member: UUID
) -> None:
    await follow_lists.keep(member, Lists.FOLLOWING, parse_lines("1"), consent=1)
    async with database.transaction() as connection:
        await take_in_leaves(connection, ORIGIN, said(bluesky("ann", 1)))
    (arrival,) = await arrivals(database)
    await newcomers.meet(arrival)
    await follow_lists.keep(member, Lists.FOLLOWING, parse_lines("1\n5"))
    assert await found_for(database, member) == []
    async with database.transaction() as connection:
        await take_in_leaves(connection, ORIGIN, said(bluesky("eve", 5), first=1))
    (arrival,) = await arrivals(database)
    await newcomers.meet(arrival)
    assert await found_for(database, member) == ["eve"]
    await consenting.withdraw(member, ConsentKind.KEEP_FOLLOW_LIST)
    assert await found_for(database, member) == []
