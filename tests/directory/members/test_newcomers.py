"""Arrivals matched with kept lists: each newcomer is found, whichever process dies in between."""

import asyncio
from uuid import UUID

import msgspec
import pytest

from directory.answers import take_in_leaves
from directory.doubts import Doubt
from directory.mappings import Mapping, Network
from directory.members.consents import ConsentKind
from directory.moderation.hides import HideReason
from directory.origins import HIDDEN_AFTER, Standing
from directory.queries import Lists, Query, parse_lines
from directory.services.consenting import Consenting
from directory.services.follow_lists import FollowLists
from directory.services.membership import Membership
from directory.services.moderation import Moderation
from directory.services.newcomers import Newcomers
from directory.store.arrivals import (
    ARRIVAL_LEASE,
    FEW_LEAVES,
    LEAVES_AT_ONCE,
    Arrival,
    ArrivalStore,
    fetch_newcomers,
)
from directory.store.database import Connection, Database
from directory.store.hides import HideStore
from directory.store.origins import OriginStore
from tests.directory.members.people import at_bluesky
from tests.directory.test_answers import said
from tests.harness.clock import FakeClock
from tests.harness.mappings import ORIGIN, bluesky

PEOPLE = parse_lines("1,Ada\n2\n3,Bob\n,cyd\n3,bob")


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


class Arriving:
    """People who arrive one after the other, each met at once."""

    def __init__(self, database: Database, newcomers: Newcomers, clock: FakeClock, *members: UUID) -> None:
        self._database = database
        self._newcomers = newcomers
        self._clock = clock
        self._next_leaf = 0
        self._found: dict[UUID, int] = dict.fromkeys(members, 0)

    async def waiting(self, *people: Mapping) -> set[tuple[str, UUID]]:
        """Lets people arrive. Returns who was found, and for whom."""
        await arrive(self._database, self._clock, *people, first=self._next_leaf)
        self._next_leaf += len(people)
        count = await self._newcomers.meet(await claim(self._newcomers))
        found = []
        for member, before in self._found.items():
            names = await found_for(self._database, member)
            self._found[member] = len(names)
            found += [(name, member) for name in names[before:]]
        assert len(found) == count
        return set(found)


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


async def test_who_waited_for_a_newcomer(  # noqa: PLR0917 - fixtures
    database: Database,
    newcomers: Newcomers,
    follow_lists: FollowLists,
    membership: Membership,
    member: UUID,
    clock: FakeClock,
) -> None:
    await follow_lists.keep(member, Lists.FOLLOWING, PEOPLE, consent=1)
    other = (await membership.sign_in(at_bluesky("other"))).member
    await follow_lists.keep(other, Lists.FOLLOWING, parse_lines("1\n77"), consent=1)
    await follow_lists.keep(other, Lists.BLOCK, parse_lines("3"), consent=1)
    waiting = Arriving(database, newcomers, clock, member, other).waiting

    assert await waiting(bluesky("renamed", 1)) == {("renamed", member), ("renamed", other)}
    assert await waiting(bluesky("Bob", 3), bluesky("x", 77)) == {("Bob", member), ("x", other)}
    assert await waiting(bluesky("Bob")) == {("Bob", member)}
    assert await waiting(bluesky("cyd", 44)) == {("cyd", member)}
    assert await waiting(bluesky("stranger", 999), bluesky("nobody")) == set()


async def test_a_sold_handle_is_not_who_was_waited_for(
    database: Database, newcomers: Newcomers, follow_lists: FollowLists, member: UUID, clock: FakeClock
) -> None:
    """The list knows bob as 3; whoever bears his handle now is somebody else."""
    await follow_lists.keep(member, Lists.FOLLOWING, PEOPLE, consent=1)
    assert await Arriving(database, newcomers, clock, member).waiting(bluesky("bob", 4)) == set()


async def test_a_list_whose_consent_ran_out_waits_for_nobody(  # noqa: PLR0917 - fixtures
    database: Database,
    newcomers: Newcomers,
    follow_lists: FollowLists,
    membership: Membership,
    member: UUID,
    clock: FakeClock,
) -> None:
    await follow_lists.keep(member, Lists.FOLLOWING, PEOPLE, consent=1)
    clock.advance(days=365)
    later = (await membership.sign_in(at_bluesky("later"))).member
    await follow_lists.keep(later, Lists.FOLLOWING, PEOPLE, consent=1)
    arriving = Arriving(database, newcomers, clock, member, later)
    assert await arriving.waiting(bluesky("ada", 1, issued=clock.now())) == {("ada", later)}


async def test_whom_moderators_hide_is_no_newcomer_until_it_is_lifted(
    database: Database, newcomers: Newcomers, follow_lists: FollowLists, member: UUID, clock: FakeClock
) -> None:
    """Whoever was found before the hide was shown to all who waited for them, with the target; and whoever arrived
    while they were hidden was never found, though the hide was lifted a day later."""
    moderation = Moderation(HideStore(database), clock)
    await follow_lists.keep(member, Lists.FOLLOWING, parse_lines("1\n2"), consent=1)
    await arrive(database, clock, bluesky("ann", 1), bluesky("bob", 2))
    hides = [
        await moderation.hide(Query.parse("2"), Network.BLUESKY, ORIGIN, HideReason.IMPERSONATION, "mo"),
        None,
    ]
    await newcomers.meet(await claim(newcomers))
    assert await found_for(database, member) == ["ann"]
    hides[1] = await moderation.hide(Query.parse("1"), Network.BLUESKY, ORIGIN, HideReason.LAW, "mo")
    assert await found_for(database, member) == []
    for placed in hides:
        assert placed is not None
        await moderation.lift(placed.id)
    assert await found_for(database, member) == ["ann", "bob"]


async def test_newcomers_of_a_suspended_or_silent_origin_come_back_with_it(
    database: Database, newcomers: Newcomers, follow_lists: FollowLists, member: UUID, clock: FakeClock
) -> None:
    """An instance that was off for a week met its arrivals before it had heard the peer again: nobody was found, and
    the arrivals were gone."""
    await follow_lists.keep(member, Lists.FOLLOWING, parse_lines("1\n2"), consent=1)
    origins = OriginStore(database)
    await arrive(database, clock, bluesky("ann", 1))
    await origins.change_standing(ORIGIN, Standing.FOLLOWING, Standing.SUSPENDED)
    await newcomers.meet(await claim(newcomers))
    assert await found_for(database, member) == []
    await origins.change_standing(ORIGIN, Standing.SUSPENDED, Standing.FOLLOWING)
    assert await found_for(database, member) == ["ann"]
    await arrive(database, clock, bluesky("bob", 2), first=1)
    await origins.record_heard(ORIGIN, clock.now(), clock.now())
    clock.advance(seconds=HIDDEN_AFTER.total_seconds() + 1)
    await newcomers.meet(await claim(newcomers))
    assert await found_for(database, member) == ["ann", "bob"]


async def wait_for_locks(connection: Connection, count: int, end: asyncio.Task[object]) -> None:
    """Until so many wait for a lock in this database, or `end` has ended."""
    while not end.done() and count > await connection.fetchval(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    ):
        await connection.execute("SELECT pg_stat_clear_snapshot()")


@pytest.mark.parametrize("statement", ["DELETE FROM follow_list", "DELETE FROM mapping"])
async def test_what_is_deleted_meanwhile_breaks_no_arrival(  # noqa: PLR0917 - fixtures
    database: Database,
    newcomers: Newcomers,
    follow_lists: FollowLists,
    member: UUID,
    clock: FakeClock,
    statement: str,
) -> None:
    """A member leaves, or the log revokes, between the look and the write: the foreign key refused the whole step, and
    all others who waited had to wait for the lease."""
    await follow_lists.keep(member, Lists.FOLLOWING, parse_lines("1"), consent=1)
    await arrive(database, clock, bluesky("ann", 1))
    arrival = await claim(newcomers)
    async with database.transaction() as connection:
        await connection.execute(statement)
        meeting = asyncio.create_task(newcomers.meet(arrival))
        await wait_for_locks(connection, 1, meeting)
    assert await meeting == 0
    clock.advance(seconds=ARRIVAL_LEASE.total_seconds())
    assert await newcomers.claim_arrival() is None


async def test_nobody_is_found_for_a_list_that_is_being_replaced(
    database: Database, newcomers: Newcomers, follow_lists: FollowLists, member: UUID, clock: FakeClock
) -> None:
    """The old list was read, then replaced by one without that person, and only then the newcomer was written: the
    member was shown somebody whom they do not wait for."""
    await follow_lists.keep(member, Lists.FOLLOWING, parse_lines("1"), consent=1)
    await arrive(database, clock, bluesky("ann", 1))
    arrival = await claim(newcomers)
    async with database.transaction() as connection:
        # The meeting reads the list, and waits here with its write.
        await connection.execute("SELECT FROM mapping FOR UPDATE")
        meeting = asyncio.create_task(newcomers.meet(arrival))
        await wait_for_locks(connection, 1, meeting)
        replacing = asyncio.create_task(follow_lists.keep(member, Lists.FOLLOWING, parse_lines("5")))
        await wait_for_locks(connection, 2, replacing)
    await asyncio.gather(meeting, replacing)
    assert await found_for(database, member) == []


async def test_a_newcomer_keeps_the_doubt_of_whoever_says_so(
    database: Database, newcomers: Newcomers, follow_lists: FollowLists, member: UUID, clock: FakeClock
) -> None:
    """A limited peer publishes whom everybody waits for: told without its doubt, they would follow it unseen."""
    await follow_lists.keep(member, Lists.FOLLOWING, parse_lines("1\n2"), consent=1)
    contested = msgspec.structs.replace(bluesky("bob", 2), is_contested=True)
    await arrive(database, clock, bluesky("ann", 1), contested)
    await newcomers.meet(await claim(newcomers))

    async def doubts() -> list[Doubt | None]:
        async with database.connection() as connection:
            return [each.doubt for each in await fetch_newcomers(connection, member)]

    assert await doubts() == [None, Doubt.DISPUTED]
    await OriginStore(database).change_standing(ORIGIN, Standing.FOLLOWING, Standing.LIMITED)
    assert await doubts() == [Doubt.LIMITED, Doubt.DISPUTED]


async def test_a_step_that_takes_too_long_is_made_with_fewer(
    database: Database, follow_lists: FollowLists, member: UUID, clock: FakeClock
) -> None:
    """Everybody waits for the same people, and they arrive at once: a step that is too large is so at each attempt, and
    nobody who arrived later was ever found."""
    impatient = Newcomers(ArrivalStore(database), clock, timeout_s=0)
    await follow_lists.keep(member, Lists.FOLLOWING, parse_lines(f"1\n{FEW_LEAVES + 1}"), consent=1)
    people = [bluesky(f"p{number}", number) for number in range(1, FEW_LEAVES + 2)]
    await arrive(database, clock, *people)
    assert await impatient.meet(await claim(impatient)) == 1
    rest = await claim(impatient)
    assert rest.next_leaf == FEW_LEAVES
    assert await impatient.meet(rest) == 1
    assert await impatient.claim_arrival() is None
