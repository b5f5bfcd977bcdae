"""What is issued in the future answers nothing, anywhere, until its time has come."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from directory.answers import take_in_leaves
from directory.mappings import Mapping
from directory.queries import Lists, Query, parse_lines
from directory.services.follow_lists import FollowLists
from directory.services.lookup import Lookup
from directory.services.membership import Membership
from directory.services.newcomers import Newcomers
from directory.store.arrivals import ArrivalStore, fetch_newcomers
from directory.store.database import Database
from directory.store.statistics import StatisticsStore
from federation.store.log import LogStore
from tests.directory.members.people import at_bluesky
from tests.harness.clock import START, FakeClock
from tests.harness.mappings import ORIGIN, bluesky
from tests.harness.stored import StoredMappings

AHEAD = timedelta(hours=1)
SECOND = timedelta(seconds=1)
JACK = Query.parse("12")
ONLY_NAME = Query.parse("@jack")


@pytest.fixture
async def member(membership: Membership) -> UUID:
    return (await membership.sign_in(at_bluesky("me"))).member


async def take_in(database: Database, *people: Mapping, first: int = 1) -> None:
    leaves = [
        (leaf, msgspec.structs.replace(mapping, leaf=leaf)) for leaf, mapping in enumerate(people, first)
    ]
    async with database.transaction() as connection:
        await take_in_leaves(connection, ORIGIN, leaves, START)


async def answers(database: Database, mapping: Mapping, clock: FakeClock) -> list[bool]:
    """Tells for each way to ask whether the mapping answers now."""
    store = StoredMappings(database)
    lookup = Lookup(store, clock, ORIGIN)
    counted = await StatisticsStore(database).count(clock.now())
    assert counted is not None
    return [
        bool((await lookup.lookup(JACK)).answers),
        bool((await lookup.lookup(ONLY_NAME)).answers),
        any(match.answers for match in await lookup.match([JACK, ONLY_NAME])),
        bool(await lookup.reverse(mapping.target_id)),
        bool(await store.find_by_target(mapping.target_id, clock.now())),
        bool(await store.find_by_target(mapping.target_handle, clock.now())),
        bool(await LogStore(database).is_answering(ORIGIN, 1, clock.now())),
        counted.statistics.mappings > 0,
    ]


async def test_a_mapping_of_next_year_answers_from_then_on(
    mapping_store: StoredMappings, clock: FakeClock
) -> None:
    """A peer issues what it says in the future, so that it holds for years, and outlives what is said after it."""
    database = mapping_store.database
    year = bluesky("jack", 12, issued=START + timedelta(days=365) + AHEAD + SECOND)
    await take_in(database, year)
    assert await answers(database, year, clock) == [False] * 8
    clock.advance(days=365)
    assert await answers(database, year, clock) == [False] * 8
    clock.advance(seconds=1)
    assert await answers(database, year, clock) == [True] * 8


async def test_an_hour_ahead_is_a_clock_that_differs(mapping_store: StoredMappings, clock: FakeClock) -> None:
    soon = bluesky("jack", 12, issued=START + AHEAD)
    await take_in(mapping_store.database, soon)
    assert await answers(mapping_store.database, soon, clock) == [True] * 8


async def test_who_arrives_ahead_of_their_time_is_found_when_it_comes(
    database: Database, member: UUID, follow_lists: FollowLists, clock: FakeClock
) -> None:
    """An arrival is matched once: whoever was issued in the future then was either followed before, or never found."""
    newcomers = Newcomers(ArrivalStore(database), clock)

    async def meet() -> list[str]:
        while arrival := await newcomers.claim_arrival():
            await newcomers.meet(arrival)
        async with database.connection() as connection:
            return [str(each.mapping.x_handle) for each in await fetch_newcomers(connection, member)]

    def issued_in(days: int, name: str, x_id: int) -> Mapping:
        return bluesky(name, x_id, issued=START + timedelta(days=days))

    await follow_lists.keep(member, Lists.FOLLOWING, parse_lines("1\n2\n3\n4"), consent=1)
    people = [issued_in(20, "ann", 1), issued_in(0, "bob", 2), issued_in(9, "cyd", 3), issued_in(0, "dan", 4)]
    await take_in(database, *people)
    assert await meet() == ["bob", "dan"]
    clock.advance(days=9)
    assert await meet() == ["bob", "dan", "cyd"]
    clock.advance(days=10)
    assert await meet() == ["bob", "dan", "cyd"]
    clock.advance(days=1)
    assert await meet() == ["bob", "dan", "cyd", "ann"]
