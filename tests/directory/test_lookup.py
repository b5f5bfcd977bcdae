"""Lookups over a real database: by id, by handle, by both, in lists, and back."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest

from directory.errors import DirectoryUnavailable
from directory.identifiers import Acct, AtHandle
from directory.mapping_life import MappingState
from directory.mappings import Mapping, Strength
from directory.packed.queries import PackedQueries
from directory.queries import Query
from directory.services import list_pieces
from directory.services import lookup as lookups
from directory.services.batching import LookupBatcher
from directory.services.lookup import MATCH_PIECE_PAIRS, Lookup
from directory.store.database import Database
from directory.store.mappings import MAX_REVERSE_ROWS
from tests.harness.clock import START, FakeClock
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky, did, mastodon
from tests.harness.stored import StoredMappings


@pytest.fixture
def lookup(mapping_store: StoredMappings, clock: FakeClock) -> Lookup:
    return Lookup(mapping_store, clock, ORIGIN)


async def test_a_mapping_comes_back_as_it_was_stored(mapping_store: StoredMappings, lookup: Lookup) -> None:
    stored = [bluesky("Jack", 12), mastodon("Jack_2")]
    await mapping_store.add(stored)
    (answer,) = (await lookup.lookup(Query.parse("12"))).answers
    assert answer.mapping == stored[0]
    (answer,) = (await lookup.lookup(Query.parse("@jACK_2"))).answers
    assert answer.mapping == stored[1]


async def test_only_active_mappings_within_their_time_answer(
    mapping_store: StoredMappings, lookup: Lookup, clock: FakeClock
) -> None:
    states = [state for state in MappingState if state is not MappingState.ACTIVE]
    for state in states:
        await mapping_store.add([bluesky(f"s{state.value}", 100 + state.value)], state)
    await mapping_store.add([bluesky("jack", 12)])
    for state in states:
        assert (await lookup.lookup(Query.parse(str(100 + state.value)))).answers == ()
    clock.advance(days=181)
    assert (await lookup.lookup(Query.parse("12"))).answers == ()


async def test_a_list_is_answered_in_its_order(mapping_store: StoredMappings, lookup: Lookup) -> None:
    await mapping_store.add([bluesky("a", 1), bluesky("b", 2), mastodon("c"), bluesky("d", 4)])
    pairs = [("4", None), ("999", None), ("7", "C"), (None, "B"), ("5", "d"), ("1", "renamed")]
    matches = await lookup.match([Query.parse_pair(x_id, handle) for x_id, handle in pairs])
    assert [str(match.answers[0].mapping.x_handle) for match in matches] == ["d", "c", "b", "a"]


async def test_a_list_longer_than_a_statement(mapping_store: StoredMappings, lookup: Lookup) -> None:
    count = MATCH_PIECE_PAIRS + 10
    await mapping_store.add([bluesky(f"n{number}", number) for number in range(1, count + 1)])
    matches = await lookup.match([Query.parse(str(number)) for number in range(count, 0, -1)])
    assert [match.query.x_id.value for match in matches if match.query.x_id] == list(range(count, 0, -1))


@pytest.fixture
async def hundred(mapping_store: StoredMappings) -> StoredMappings:
    """Of a hundred accounts each third is known: by id, on both networks, by name alone, or by two who disagree."""
    for number in range(1, 100, 12):
        await mapping_store.add([bluesky(f"n{number}", number), mastodon(f"n{number}", number)])
        await mapping_store.add([mastodon(f"n{number + 3}"), bluesky(f"n{number + 6}", number + 6)])
        await mapping_store.add([bluesky(f"n{number + 9}", number + 9), bluesky("ours", number + 9)])
        await mapping_store.add([bluesky("other", number + 9, origin=OTHER_ORIGIN)])
    return mapping_store


def asked_in_no_order() -> list[Query]:
    """A hundred accounts by id, by name and by both, some of them twice."""
    by_id = [Query.parse(str(number)) for number in range(1, 100, 2)]
    by_name = [Query.parse(f"@n{number}") for number in range(1, 100, 3)]
    by_both = [Query.parse_pair(str(number), f"N{number}") for number in range(1, 100)]
    asked = [*by_id, *by_name, *by_both, *by_id[:5], *by_both[:5]]
    return Random(5).sample(asked, len(asked))  # noqa: S311 - a seed: each run is the same


@pytest.mark.parametrize("part", [1, 10, 1_000])
async def test_a_list_finds_what_each_finds_alone(
    hundred: StoredMappings, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    """In its order, in whatever order and however many at a time the database is asked."""
    monkeypatch.setattr(lookups, "MATCH_PIECE_PAIRS", 4)
    monkeypatch.setattr(lookups, "SORTED_PAIRS", part)
    lookup = Lookup(hundred, clock, ORIGIN)
    asked = asked_in_no_order()
    alone = [await lookup.lookup(query) for query in asked]
    assert await lookup.match(asked) == [match for match in alone if match.answers]
    assert await lookup.match(PackedQueries(asked)) == [match for match in alone if match.answers]


async def test_a_list_is_asked_for_in_the_order_of_the_indexes(
    hundred: StoredMappings, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "MATCH_PIECE_PAIRS", 4)
    asked: list[Query] = []
    find_mappings = hundred.find_mappings

    async def find_and_note(queries: Sequence[Query], *args: Any, **more: Any) -> list[Mapping]:
        asked.extend(queries)
        return await find_mappings(queries, *args, **more)

    monkeypatch.setattr(hundred, "find_mappings", find_and_note)
    await Lookup(hundred, clock, ORIGIN).match(asked_in_no_order())
    ids = [query.x_id.value for query in asked if query.x_id]
    names = [query.x_handle.key for query in asked if query.x_handle and not query.x_id]
    assert ids == sorted(ids)
    assert names == sorted(names)


async def test_times_come_back_to_the_microsecond(mapping_store: StoredMappings, clock: FakeClock) -> None:
    """They are read as numbers of seconds with a point: the last digit of which is not to be lost, as ranking decides by it."""
    times = [START - timedelta(days=number, microseconds=7 ** (number % 8)) for number in range(300)]
    stored = [bluesky(f"n{number}", number, issued=issued) for number, issued in enumerate(times, 1)]
    late = [msgspec.structs.replace(each, expires=each.issued + timedelta(days=40_000)) for each in stored]
    await mapping_store.add(late)
    lookup = Lookup(mapping_store, clock, ORIGIN)
    found = await lookup.match([Query.parse(str(number)) for number in range(1, len(times) + 1)])
    assert [match.answers[0].mapping for match in found] == late


async def test_a_list_without_evidence_is_the_same_list(
    mapping_store: StoredMappings, lookup: Lookup
) -> None:
    """Long lists show none, so none is read; who is found, and how sure it is, must not depend on it."""
    await mapping_store.add(
        [bluesky("a", 1), mastodon("A", 1), bluesky("b"), bluesky("b", origin=OTHER_ORIGIN, target="c")]
    )
    queries = [Query.parse("1"), Query.parse("@b"), Query.parse_pair("7", "B")]
    full = await lookup.match(queries)
    assert all(answer.mapping.evidence for match in full for answer in match.answers)
    brief = await lookup.match(queries, with_evidence=False)
    assert [match.query for match in brief] == queries
    assert [
        [
            msgspec.structs.replace(answer, mapping=without_evidence(answer.mapping))
            for answer in match.answers
        ]
        for match in full
    ] == [list(match.answers) for match in brief]


def without_evidence(mapping: Mapping) -> Mapping:
    return msgspec.structs.replace(mapping, evidence=())


async def test_back_from_the_account(mapping_store: StoredMappings, lookup: Lookup) -> None:
    await mapping_store.add([bluesky("jack", 12), mastodon("jack", 12)])
    for account in (did("jack"), AtHandle.parse("jack.bsky.example"), Acct.parse("JACK@social.example")):
        (answer,) = await lookup.reverse(account)
        assert str(answer.mapping.x_id) == "12"


async def test_back_only_where_the_way_there_leads(mapping_store: StoredMappings, lookup: Lookup) -> None:
    """Anybody may claim to be @jack with a weak hint: asking whose account it is must not confirm it."""
    stranger = bluesky("jack", strength=Strength.IMPORTED, target="stranger", origin=OTHER_ORIGIN)
    await mapping_store.add([stranger, bluesky("jack", 12)])
    assert await lookup.reverse(did("stranger")) == []


async def test_back_to_our_member_whatever_others_were_there_before(
    mapping_store: StoredMappings, lookup: Lookup
) -> None:
    """A peer, even a limited one, says of a hundred invented X accounts that they are where somebody will soon publish
    here: more than are read for one account."""
    crowd = [
        bluesky(f"n{number}", number, target="jack", origin=OTHER_ORIGIN)
        for number in range(100, 101 + MAX_REVERSE_ROWS)
    ]
    await mapping_store.add(crowd)
    await mapping_store.add([bluesky("jack", 12)])
    for account in (did("jack"), AtHandle.parse("jack.bsky.example")):
        assert "12" in {str(answer.mapping.x_id) for answer in await lookup.reverse(account)}


async def test_back_without_waiting_for_lists(
    mapping_store: StoredMappings, lookup: Lookup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: some lists ask for turns without end, and whoever asks whose account one is waits behind all of them."""

    async def never() -> None:
        raise AssertionError("it asked for the turn of a list")

    monkeypatch.setattr(list_pieces, "take_list_turn", never)
    await mapping_store.add([bluesky("jack", 12)])
    assert len(await lookup.reverse(did("jack"))) == 1
    assert len(await lookup.match_few([Query.parse("12")], with_evidence=False)) == 1
    assert await lookup.reverse(did("stranger")) == []


async def test_single_lookups_share_statements(mapping_store: StoredMappings, clock: FakeClock) -> None:
    await mapping_store.add([bluesky(f"n{number}", number) for number in range(1, 500)])
    asked: list[int] = []

    class CountingStore(StoredMappings):
        async def find_mappings(
            self, queries: Sequence[Query], now: datetime, *, with_evidence: bool = True
        ) -> list[Mapping]:
            asked.append(len(queries))
            return await mapping_store.find_mappings(queries, now, with_evidence=with_evidence)

    batcher = LookupBatcher(CountingStore.__new__(CountingStore), clock, ORIGIN)
    matches = await asyncio.gather(*(batcher.lookup(Query.parse(str(number))) for number in range(1, 520)))
    assert [bool(match.answers) for match in matches] == [number < 500 for number in range(1, 520)]
    assert sum(asked) == 519
    assert len(asked) < 12


async def test_a_stopped_database_is_one_error(dsn: str, clock: FakeClock) -> None:
    database = await Database.connect(dsn, max_connections=2)
    store = StoredMappings(database)
    await database.close()
    with pytest.raises(DirectoryUnavailable):
        await Lookup(store, clock, ORIGIN).lookup(Query.parse("12"))
    with pytest.raises(DirectoryUnavailable):
        await LookupBatcher(store, clock, ORIGIN).lookup(Query.parse("12"))
    with pytest.raises(DirectoryUnavailable):
        await Database.connect("postgresql://127.0.0.1:1/nothing")


async def test_an_older_mapping_of_the_same_origin_is_outdone(
    mapping_store: StoredMappings, lookup: Lookup
) -> None:
    await mapping_store.add(
        [bluesky("jack", 12, target="old", issued=START - timedelta(1)), bluesky("jack", 12)]
    )
    (answer,) = (await lookup.lookup(Query.parse("12"))).answers
    assert answer.mapping.target_id == did("jack")
