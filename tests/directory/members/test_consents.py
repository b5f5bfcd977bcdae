"""Consents, each kind by itself, with their history; and the lists that depend on one of them."""

import asyncio
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.doubts import Doubt
from directory.errors import InvalidQuery
from directory.identifiers import XHandle, XId
from directory.members.consents import ConsentEnd, ConsentKind
from directory.members.errors import ConsentMissing, ConsentOutdated, MemberGone
from directory.members.kept_lists import pack_list
from directory.queries import MAX_MATCH_PAIRS, Lists, Query, parse_lines
from directory.services.consenting import Consenting
from directory.services.follow_lists import FollowLists
from directory.services.membership import Membership
from directory.store.consents import ConsentStore
from directory.store.database import Database
from tests.directory.members.people import at_bluesky
from tests.harness.clock import START, FakeClock
from tests.harness.mappings import bluesky
from tests.harness.ranking import rank

KEEP = ConsentKind.KEEP_FOLLOW_LIST
PEOPLE = parse_lines("1,Ada\n2\n3,Bob\n,cyd\n3,bob")


@pytest.fixture
async def member(membership: Membership) -> UUID:
    return (await membership.sign_in(at_bluesky("ada"))).member


async def list_rows(database: Database) -> int:
    async with database.connection() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM follow_list"))


async def test_each_thing_is_agreed_to_apart(consenting: Consenting, member: UUID, clock: FakeClock) -> None:
    for kind in ConsentKind:
        await consenting.give(member, kind, 1)
    assert set(await consenting.present(member)) == set(ConsentKind)
    clock.advance(days=1)
    assert await consenting.withdraw(member, ConsentKind.ANNOUNCE_NEWCOMERS)
    assert set(await consenting.present(member)) == {ConsentKind.PUBLISH, KEEP}
    history = await consenting.history(member)
    assert [(each.kind, each.ended_by) for each in history] == [
        (ConsentKind.PUBLISH, None),
        (KEEP, None),
        (ConsentKind.ANNOUNCE_NEWCOMERS, ConsentEnd.WITHDRAWN),
    ]
    assert history[2].ended_at == clock.now()


async def test_a_consent_is_to_a_text(consenting: Consenting, member: UUID) -> None:
    for version in (0, 2):
        with pytest.raises(ConsentOutdated):
            await consenting.give(member, KEEP, version)
    with pytest.raises(MemberGone):
        await consenting.give(uuid4(), KEEP, 1)


async def test_renewing_begins_a_new_year(consenting: Consenting, member: UUID, clock: FakeClock) -> None:
    await consenting.give(member, KEEP, 1)
    clock.advance(days=300)
    renewed = await consenting.give(member, KEEP, 1)
    assert renewed.expires is not None
    assert (renewed.expires - clock.now()).days == 365
    history = await consenting.history(member)
    assert [each.ended_by for each in history] == [ConsentEnd.RENEWED, None]
    clock.advance(days=364)
    assert KEEP in await consenting.present(member)
    clock.advance(days=1)
    assert KEEP not in await consenting.present(member)


async def test_a_consent_that_ran_out_cannot_be_withdrawn_after(
    consenting: Consenting, member: UUID, clock: FakeClock
) -> None:
    await consenting.give(member, KEEP, 1)
    clock.advance(days=400)
    assert not await consenting.withdraw(member, KEEP)
    (consent,) = await consenting.history(member)
    assert (consent.ended_by, consent.ended_at) == (ConsentEnd.EXPIRED, consent.expires)


async def test_two_clicks_at_once_leave_one_consent(consenting: Consenting, member: UUID) -> None:
    await asyncio.gather(*(consenting.give(member, KEEP, 1) for _ in range(4)))
    assert sum(each.ended_at is None for each in await consenting.history(member)) == 1


async def test_a_list_is_kept_with_consent_only(
    follow_lists: FollowLists, member: UUID, database: Database
) -> None:
    with pytest.raises(ConsentMissing):
        await follow_lists.keep(member, Lists.FOLLOWING, PEOPLE)
    with pytest.raises(ConsentOutdated):
        await follow_lists.keep(member, Lists.FOLLOWING, PEOPLE, consent=0)
    assert await list_rows(database) == 0
    with pytest.raises(MemberGone):
        await follow_lists.keep(uuid4(), Lists.FOLLOWING, PEOPLE, consent=1)


async def test_a_list_is_kept_as_a_whole(follow_lists: FollowLists, member: UUID) -> None:
    await follow_lists.keep(member, Lists.FOLLOWING, PEOPLE, consent=1)
    kept = await follow_lists.find(member, Lists.FOLLOWING)
    assert kept is not None
    assert {str(query) for query in kept.queries()} == {
        "1,ada,f",
        "2,,f",
        "3,bob,f",
        f",cyd,f,{START:%Y-%m-%d}",
    }
    await follow_lists.keep(member, Lists.FOLLOWING, parse_lines("9"))
    await follow_lists.keep(member, Lists.BLOCK, parse_lines("8,eve"))
    assert await follow_lists.sizes(member) == {Lists.FOLLOWING: 1, Lists.BLOCK: 1}
    assert await follow_lists.drop(member, Lists.BLOCK)
    assert not await follow_lists.drop(member, Lists.BLOCK)


async def test_withdrawing_the_consent_deletes_the_lists_at_once(
    follow_lists: FollowLists, consenting: Consenting, member: UUID, database: Database
) -> None:
    await follow_lists.keep(member, Lists.FOLLOWING, PEOPLE, consent=1)
    await consenting.withdraw(member, KEEP)
    assert await list_rows(database) == 0
    with pytest.raises(ConsentMissing):
        await follow_lists.keep(member, Lists.FOLLOWING, PEOPLE)


async def test_a_list_whose_consent_ran_out_is_not_read_and_soon_gone(
    follow_lists: FollowLists, member: UUID, database: Database, clock: FakeClock
) -> None:
    await follow_lists.keep(member, Lists.FOLLOWING, PEOPLE, consent=1)
    clock.advance(days=365)
    assert await follow_lists.find(member, Lists.FOLLOWING) is None
    with pytest.raises(ConsentMissing):
        await follow_lists.keep(member, Lists.FOLLOWING, PEOPLE)
    assert await ConsentStore(database).end_expired_consents(clock.now(), 10) == 1
    assert await list_rows(database) == 0
    assert await ConsentStore(database).end_expired_consents(clock.now(), 10) == 0


async def test_keeping_while_withdrawing_keeps_nothing(
    follow_lists: FollowLists, consenting: Consenting, member: UUID, database: Database
) -> None:
    """An upload that ends after its consent was withdrawn in another window."""
    await consenting.give(member, KEEP, 1)
    for _ in range(10):
        await asyncio.gather(
            follow_lists.keep(member, Lists.FOLLOWING, PEOPLE),
            consenting.withdraw(member, KEEP),
            return_exceptions=True,
        )
        assert await list_rows(database) == 0
        await consenting.give(member, KEEP, 1)


async def test_a_kept_name_keeps_the_day_on_which_it_was_seen(
    follow_lists: FollowLists, member: UUID, clock: FakeClock
) -> None:
    """A name that was kept for a year would count as typed on the day it is matched. Nor does a day that lies in the
    future come true by waiting."""
    lines = (
        "1,ada,f,2019-06-01\n2,bob,f\n,cyd,f\n,dan,f,2019-06-01\n3,eve,f,2027-01-01\n,fay,f,2027-01-01\n4,,f"
    )
    await follow_lists.keep(member, Lists.FOLLOWING, parse_lines(lines), consent=1)
    clock.advance(days=200)
    kept = await follow_lists.find(member, Lists.FOLLOWING)
    assert kept is not None
    typed = START.date()
    assert {str(query) for query in kept.queries()} == {
        "1,ada,f,2019-06-01",
        "2,bob,f",
        f",cyd,f,{typed}",
        ",dan,f,2019-06-01",
        "3,eve,f",
        ",fay,f,1970-01-01",
        "4,,f",
    }
    doubts = {
        str(match.query.x_handle): match.answers[0].doubt
        for query in kept.queries()
        if query.x_handle
        for match in [rank(query, [bluesky(str(query.x_handle))], clock.now().date())]
    }
    unknown, old = Doubt.NAME_OF_UNKNOWN_AGE, Doubt.NAME_SEEN_LONG_AGO
    assert doubts == {"ada": old, "bob": unknown, "cyd": None, "dan": old, "eve": unknown, "fay": unknown}


def test_of_one_person_the_newest_day_is_kept() -> None:
    kept = pack_list(Lists.FOLLOWING, parse_lines("1,ada,f,2019-06-01\n1,Ada,f,2026-06-01\n1,ada,f"), START)
    assert [str(query) for query in kept.queries()] == ["1,ada,f,2026-06-01"]


def test_only_people_of_the_list_are_packed() -> None:
    """Whoever is blocked or muted, too, would be followed as a newcomer."""
    people = parse_lines("1,,f\n2,,fr\n3,,r\n4,,fb\n5,,fm\n6,,b\n7,,")
    packed = {
        kind: pack_list(kind, people, START).x_ids for kind in (Lists.FOLLOWING, Lists.BLOCK, Lists.FOLLOWER)
    }
    assert packed == {Lists.FOLLOWING: [1, 2, 7], Lists.BLOCK: [4, 6, 7], Lists.FOLLOWER: [2, 3, 7]}


def test_a_list_is_one_list_and_bounded() -> None:
    for kind in (Lists.NONE, Lists.FOLLOWING | Lists.BLOCK):
        with pytest.raises(InvalidQuery):
            pack_list(kind, PEOPLE, START)
    with pytest.raises(InvalidQuery):
        pack_list(Lists.FOLLOWING, (Query(XId(n + 1)) for n in range(MAX_MATCH_PAIRS + 1)), START)


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(1, 2**63 - 1).map(XId),
            st.none() | st.from_regex(r"[A-Za-z0-9_]{1,20}", fullmatch=True).map(XHandle),
        ).filter(any),
        max_size=30,
    )
)
def test_a_packed_list_holds_who_was_on_it(pairs: list[tuple[XId | None, XHandle | None]]) -> None:
    people = [Query(x_id, handle) for x_id, handle in pairs]
    kept = pack_list(Lists.FOLLOWING, people, START)
    packed = {(each.x_id, each.x_handle) for each in kept.queries()}
    given = {(each.x_id, XHandle(each.x_handle.key) if each.x_handle else None) for each in people}
    assert packed <= given
    for x_id, handle in given - packed:
        assert x_id is None or handle is None
        assert any(handle == h if x_id is None else x_id == i for i, h in packed if i and h)
