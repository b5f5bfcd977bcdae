"""A long list as bytes is the list itself, value by value, and holds no object for each."""

import gc
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.doubts import Doubt
from directory.identifiers import XHandle, XId
from directory.mappings import Evidence, EvidenceKind, Mapping, Network, Strength
from directory.origins import Standing
from directory.packed.matches import PackedMatches
from directory.packed.queries import PackedQueries
from directory.queries import Query
from directory.ranking import Answer, Match, MatchedBy
from directory.services.lookup import Lookup
from tests.directory.account_strategies import bluesky_accounts, mastodon_accounts
from tests.directory.test_queries import queries
from tests.harness.clock import FakeClock
from tests.harness.mappings import ORIGIN, bluesky
from tests.harness.stored import StoredMappings

PEOPLE: Final = 6_000
"""More than are held as they are."""
BYTES_EACH: Final = 300
"""Of a match with one answer: as objects it is a thousand."""

times = st.datetimes(datetime(2006, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds come without a zone
evidence = st.builds(
    Evidence,
    st.sampled_from(EvidenceKind),
    times,
    st.none() | st.text(max_size=20),
    st.lists(st.text(max_size=5), max_size=2).map(tuple),
)
accounts = st.tuples(st.just(Network.BLUESKY), bluesky_accounts) | st.tuples(
    st.just(Network.MASTODON), mastodon_accounts
)
mappings = st.builds(
    lambda account, **fields: Mapping(
        network=account[0], target_id=account[1].id, target_handle=account[1].handle, **fields
    ),
    account=accounts,
    x_id=st.none() | st.builds(XId, st.integers(1, 2**63 - 1)),
    x_handle=st.builds(XHandle, st.from_regex(r"[A-Za-z0-9_]{1,20}", fullmatch=True)),
    strength=st.sampled_from(Strength),
    evidence=st.lists(evidence, max_size=2).map(tuple),
    origin=st.sampled_from(["one.example/log", "two.example/log"]),
    leaf=st.none() | st.integers(0, 2**63 - 1),
    issued=times,
    expires=times,
    standing=st.sampled_from(Standing),
    is_contested=st.booleans(),
    answers_by_name=st.booleans(),
    is_stale=st.booleans(),
    is_checked=st.booleans(),
)
answers = st.builds(
    Answer,
    mappings,
    st.sampled_from(MatchedBy),
    st.booleans(),
    st.lists(st.text(max_size=10), max_size=2).map(tuple),
    st.none() | st.sampled_from(Doubt),
)
matches = st.builds(Match, queries, st.lists(answers, min_size=1, max_size=3).map(tuple))


class AllPacked(PackedMatches):
    """Holds none as it is."""

    __slots__ = ()

    FEW = 0


class FewWhole(PackedMatches):
    """Holds up to two as they are."""

    __slots__ = ()

    FEW = 2


@pytest.mark.parametrize("kind", [AllPacked, FewWhole, PackedMatches])
@given(found=st.lists(matches, max_size=5), part=st.slices(5), first=st.integers(0, 5))
def test_matches_come_back_as_they_were(
    kind: type[PackedMatches], found: list[Match], part: slice, first: int
) -> None:
    """Few are held as they are; nobody who reads them can tell."""
    packed = kind(found[:first])
    packed.extend(found[first:])
    assert list(packed) == found
    assert len(packed) == len(found)
    assert bool(packed) == bool(found)
    assert packed[part] == found[part]
    for number in range(-len(found), len(found)):
        assert packed[number] == found[number]
    with pytest.raises(IndexError):
        packed[len(found)]


class AllQueriesPacked(PackedQueries):
    """Holds none as it is."""

    __slots__ = ()

    FEW = 0


@pytest.mark.parametrize("kind", [AllQueriesPacked, PackedQueries])
@given(asked=st.lists(queries, max_size=10), part=st.slices(10), first=st.integers(0, 10))
def test_queries_come_back_as_they_were(
    kind: type[PackedQueries], asked: list[Query], part: slice, first: int
) -> None:
    packed = kind(asked[:first])
    packed.extend(asked[first:])
    assert list(packed) == asked
    assert packed[part] == asked[part]
    for number in range(-len(asked), len(asked)):
        assert packed[number] == asked[number]


async def test_a_long_list_is_held_without_objects(mapping_store: StoredMappings, clock: FakeClock) -> None:
    """A list of 100,000 left 50 MB with the server: what was made for each person stood between what stays."""
    await mapping_store.add([bluesky(f"n{number}", number) for number in range(1, PEOPLE + 1)])
    lookup = Lookup(mapping_store, clock, ORIGIN)
    people = [Query(XId(number)) for number in range(1, PEOPLE + 1)]
    expected = await lookup.match(people, with_evidence=False)
    gc.collect()
    tracemalloc.start()
    try:
        asked = PackedQueries(people)
        found = await lookup.match_packed(asked, with_evidence=False)
        gc.collect()
        taken = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/directory/*")])
    finally:
        tracemalloc.stop()
    held = sum(each.size for each in taken.statistics("filename"))
    assert list(found) == expected
    assert held < PEOPLE * BYTES_EACH


def test_a_time_is_kept_to_the_microsecond() -> None:
    """Ranking decides by it, and the newest stands first."""
    issued = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=1)
    match = Match(Query(XId(1)), (Answer(bluesky("jack", 1, issued=issued), MatchedBy.ID, disputed=False),))
    (back,) = AllPacked([match])
    assert back.answers[0].mapping.issued == issued
