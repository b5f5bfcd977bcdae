"""The one door into the answers: what comes in, what goes, and how an origin stands."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from directory.answers import AnswersError, let_go_leaves, take_in_leaves, take_in_peer_leaves
from directory.identifiers import Acct, AtHandle
from directory.mapping_life import MappingState
from directory.mappings import Evidence, EvidenceKind, Mapping
from directory.origins import HIDDEN_AFTER, Standing
from directory.queries import Query
from directory.services.lookup import Lookup
from directory.store.crowds import MAX_OF_ONE_ACCOUNT
from directory.store.database import Database
from directory.store.mapping_rows import ensure_origin
from directory.store.mappings import encode_evidence
from directory.store.origins import OriginStore
from directory.store.statistics import StatisticsStore
from tests.harness.clock import START, FakeClock
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky, did
from tests.harness.stored import StoredMappings

JACK = Query.parse("12")


@pytest.fixture
def lookup(mapping_store: StoredMappings, clock: FakeClock) -> Lookup:
    return Lookup(mapping_store, clock, ORIGIN)


def said(*mappings: Mapping, first: int = 0) -> list[tuple[int, Mapping]]:
    """Each mapping with the next leaf."""
    return [
        (leaf, msgspec.structs.replace(mapping, leaf=leaf)) for leaf, mapping in enumerate(mappings, first)
    ]


async def take_in(
    database: Database, leaves: Sequence[tuple[int, Mapping]], origin: str = ORIGIN
) -> set[int]:
    async with database.transaction() as connection:
        return await take_in_leaves(connection, origin, leaves, START)


async def targets(lookup: Lookup, query: Query = JACK) -> list[str]:
    return [str(answer.mapping.target_handle) for answer in (await lookup.lookup(query)).answers]


async def mapping_versions(database: Database) -> list[tuple[str, str]]:
    """Each row with the transaction that wrote it last: the same list means that no row was rewritten."""
    async with database.connection() as connection:
        return [
            tuple(row)
            for row in await connection.fetch("SELECT ctid::text, xmin::text FROM mapping ORDER BY id")
        ]


async def test_what_is_taken_in_answers_until_it_is_let_go(database: Database, lookup: Lookup) -> None:
    leaves = said(bluesky("jack", 12), bluesky("ann", 13))
    assert await take_in(database, leaves) == set()
    (answer,) = (await lookup.lookup(JACK)).answers
    assert answer.mapping == leaves[0][1]
    async with database.transaction() as connection:
        await let_go_leaves(connection, ORIGIN, [0, 5])
    assert await targets(lookup) == []
    assert await targets(lookup, Query.parse("13")) == ["ann.bsky.example"]


@pytest.mark.parametrize("microsecond", [0, 1, 123_457, 999_999])
async def test_times_are_stored_as_they_are(database: Database, microsecond: int) -> None:
    """They go to the database as numbers."""
    issued = START.replace(microsecond=microsecond)
    times = (issued, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    mapping = msgspec.structs.replace(bluesky("jack", 12), issued=issued, expires=times[1])
    await take_in(database, said(mapping))
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT issued, expires, name_until FROM mapping")
    assert row is not None
    assert tuple(row) == (*times, mapping.name_until)


async def test_texts_are_stored_as_they_are(database: Database) -> None:
    """They go to the database as one text, which it splits."""
    refs = ['{"a","b"}', "NULL", "\\x1f, 'it''s'", "\x1f"]
    mappings = [
        msgspec.structs.replace(
            bluesky(name, number),
            target_handle=Acct("NULL", f"{name}.example"),
            evidence=(Evidence(EvidenceKind.X_POST_ID, START, ref),),
        )
        for number, (name, ref) in enumerate(zip(["NULL", "null", "a_b", "Z"], refs, strict=True), 1)
    ]
    await take_in(database, said(*mappings))
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT x_handle, x_handle_key, target_id, target_handle, target_handle_key, evidence FROM mapping ORDER BY leaf"
        )
    assert [tuple(row) for row in rows] == [
        (
            str(each.x_handle),
            each.x_handle.key,
            str(each.target_id),
            str(each.target_handle),
            str(each.target_handle).lower(),
            encode_evidence(each.evidence),
        )
        for each in mappings
    ]


@pytest.mark.parametrize("handle", ["jack\x1fann", "\x1f", "jack\x1f"])
async def test_a_text_that_looks_like_two_does_not_come_in(database: Database, handle: str) -> None:
    """No identifier that was parsed is one. The texts after it would be stored in the rows of others: somebody would be told
    another person's account."""
    odd = msgspec.structs.replace(bluesky("jack", 12), target_handle=AtHandle(handle))
    with pytest.raises(ValueError, match="control character"):
        await take_in(database, said(bluesky("eve", 11), odd, bluesky("ann", 13)))
    assert await mapping_versions(database) == []


async def test_taking_in_twice_rewrites_nothing(database: Database) -> None:
    leaves = said(bluesky("jack", 12), bluesky("ann", 13))
    await take_in(database, leaves)
    before = await mapping_versions(database)
    await take_in(database, leaves)
    assert await mapping_versions(database) == before


async def test_a_mapping_of_another_origin_or_leaf_does_not_come_in(
    database: Database, lookup: Lookup
) -> None:
    """A peer that could have its mapping taken in as another's would speak for that one."""
    theirs = said(bluesky("jack", 12, origin=OTHER_ORIGIN))
    with pytest.raises(AnswersError):
        await take_in(database, theirs)
    with pytest.raises(AnswersError):
        await take_in(database, [(3, said(bluesky("jack", 12))[0][1])])
    assert await targets(lookup) == []


async def test_one_origin_lets_go_of_its_own_leaves_alone(database: Database, lookup: Lookup) -> None:
    await take_in(database, said(bluesky("jack", 12)))
    async with database.transaction() as connection:
        await let_go_leaves(connection, OTHER_ORIGIN, [0])
    assert await targets(lookup) == ["jack.bsky.example"]


async def arrivals(database: Database) -> list[tuple[int, int]]:
    """The ranges of leaves that arrived: the first, and the one after the last."""
    async with database.connection() as connection:
        return [tuple(row) for row in await connection.fetch("SELECT next_leaf, end_leaf FROM arrival")]


async def test_an_arrival_is_written_with_what_arrives_or_not_at_all(database: Database) -> None:
    class Broken(Exception):
        pass

    async def die_after_it() -> None:
        async with database.transaction() as connection:
            await take_in_leaves(connection, ORIGIN, said(bluesky("jack", 12)), START)
            raise Broken

    with pytest.raises(Broken):
        await die_after_it()
    assert await arrivals(database) == []
    await take_in(database, said(bluesky("jack", 12), bluesky("ann", 13), first=4))
    assert await arrivals(database) == [(4, 6)]


async def test_nothing_said_is_nothing_taken_in(database: Database) -> None:
    assert await take_in(database, []) == set()
    assert await arrivals(database) == []


async def test_what_its_member_is_changing_arrives_when_it_answers(
    database: Database, mapping_store: StoredMappings
) -> None:
    """An arrival before that is looked at while nobody answers: who waits for this person is never told."""
    leaves = said(bluesky("jack", 12), bluesky("ann", 13), first=4)
    await mapping_store.add([leaves[0][1]], MappingState.PENDING)
    async with database.transaction() as member:
        await member.execute("SELECT FROM mapping FOR UPDATE")
        assert await take_in(database, leaves) == {4}
    assert await arrivals(database) == [(5, 6)]
    assert await take_in(database, leaves[:1]) == set()
    assert sorted(await arrivals(database)) == [(4, 5), (5, 6)]


@pytest.mark.parametrize("name", ["jack", None], ids=["one id", "one handle"])
async def test_a_peer_that_says_one_person_a_thousand_times(
    database: Database, lookup: Lookup, name: str | None
) -> None:
    """Attack: a peer, which may be limited, fills its log with one X account. A look-up reads all that is said of an
    account: of 100,000 mappings it would take seconds, and all other look-ups wait behind it."""
    numbers = [12] * 400 if name is None else list(range(1_000, 1_400))
    handles = [f"n{number}" for number in range(400)] if name is None else [name] * 400
    crowd = [
        bluesky(handle, number, target=f"t{handle}", origin=OTHER_ORIGIN)
        for handle, number in zip(handles, numbers, strict=True)
    ]
    await take_in(database, said(bluesky("jack", 12, target="ours")))
    for first in (0, 200):
        async with database.transaction() as connection:
            await ensure_origin(connection, OTHER_ORIGIN)
            some = said(
                *crowd[first : first + 200],
                bluesky(f"else{first}", 7 + first, origin=OTHER_ORIGIN),
                first=first,
            )
            await take_in_peer_leaves(connection, OTHER_ORIGIN, range(first, first + 201), some, START)
            await let_go_leaves(connection, OTHER_ORIGIN, [first + 200])
    async with database.connection() as connection:
        count = await connection.fetchval(
            "SELECT count(*) FROM mapping m JOIN origin o ON o.id = m.origin WHERE o.name = $1", OTHER_ORIGIN
        )
    assert count == MAX_OF_ONE_ACCOUNT
    answers = (await lookup.lookup(Query.parse("@jack" if name else "12"))).answers
    assert did("ours") in {answer.mapping.target_id for answer in answers}


async def test_what_is_said_of_others_beside_a_crowd_comes_in(database: Database, lookup: Lookup) -> None:
    """Nobody is left out for what is said of somebody else."""
    crowd = [bluesky("jack", 12, origin=OTHER_ORIGIN) for _ in range(50)]
    some = said(*crowd, bluesky("ada", 13, origin=OTHER_ORIGIN), bluesky("bob", origin=OTHER_ORIGIN))
    async with database.transaction() as connection:
        await ensure_origin(connection, OTHER_ORIGIN)
        await take_in_peer_leaves(connection, OTHER_ORIGIN, range(52), some, START)
    for query in ("12", "13", "@bob"):
        assert (await lookup.lookup(Query.parse(query))).answers


@pytest.mark.parametrize("standing", Standing)
async def test_a_standing_is_joined_and_rewrites_no_mapping(
    database: Database, lookup: Lookup, clock: FakeClock, standing: Standing
) -> None:
    """Suspending a peer of a million people is one row, and so is taking it back."""
    await take_in(database, said(bluesky("jack", 12, origin=OTHER_ORIGIN)), OTHER_ORIGIN)
    before, origins = await mapping_versions(database), OriginStore(database)
    await origins.change_standing(OTHER_ORIGIN, Standing.FOLLOWING, standing)
    shown = standing in {Standing.FOLLOWING, Standing.LIMITED}
    answers = (await lookup.lookup(JACK)).answers
    assert len(answers) == (1 if shown else 0)
    assert [answer.may_follow for answer in answers] == ([standing is Standing.FOLLOWING] if shown else [])
    counted = await StatisticsStore(database).count(clock.now())
    assert counted is not None
    assert (counted.statistics.people, counted.statistics.origins) == ((1, 1) if shown else (0, 0))
    await origins.change_standing(OTHER_ORIGIN, standing, Standing.FOLLOWING)
    assert await targets(lookup) == ["jack.bsky.example"]
    assert await mapping_versions(database) == before


async def test_an_origin_that_fell_silent_is_hidden_until_it_is_heard(
    database: Database, lookup: Lookup, clock: FakeClock
) -> None:
    await take_in(database, said(bluesky("jack", 12, origin=OTHER_ORIGIN)), OTHER_ORIGIN)
    origins = OriginStore(database)
    await origins.record_heard(OTHER_ORIGIN, clock.now(), clock.now())
    await origins.record_heard(OTHER_ORIGIN, clock.now() - timedelta(days=30), clock.now())
    clock.advance(seconds=HIDDEN_AFTER / timedelta(seconds=1) - 1)
    assert await targets(lookup) == ["jack.bsky.example"]
    clock.advance(seconds=1)
    assert await targets(lookup) == []
    await origins.record_heard(OTHER_ORIGIN, clock.now(), clock.now())
    assert await targets(lookup) == ["jack.bsky.example"]


async def test_a_limited_origin_neither_outranks_nor_disputes_a_followed_one(
    database: Database, lookup: Lookup
) -> None:
    """A peer on probation could else stop the follows of anybody by naming another account for them."""
    await take_in(database, said(bluesky("jack", 12)))
    theirs = bluesky("jack", 12, target="mallory", origin=OTHER_ORIGIN)
    await take_in(database, said(theirs), OTHER_ORIGIN)
    (one, other) = (await lookup.lookup(JACK)).answers
    assert one.disputed
    assert other.disputed
    await OriginStore(database).change_standing(OTHER_ORIGIN, Standing.FOLLOWING, Standing.LIMITED)
    (answer,) = (await lookup.lookup(JACK)).answers
    assert (answer.mapping.origin, answer.may_follow) == (ORIGIN, True)
