"""The mappings of invented people: valid, in the shares that were said, and found by a lookup."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest

from directory.archive import read_archive
from directory.demo import DEMO_ORIGINS, MAX_PEOPLE, ArchivePlan, DemoError, World, demo_rows, write_archive
from directory.identifiers import Acct, ActorUri, AtHandle, Did, XHandle
from directory.mapping_life import MappingState
from directory.mappings import Network, Strength
from directory.services.lookup import Lookup
from directory.store.database import Database
from directory.store.demo import DemoStore
from directory.store.mappings import MappingRow, MappingStore, network_of_code
from tests.harness.clock import START, FakeClock
from tests.harness.mappings import ORIGIN

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PEOPLE = 20_000


@pytest.fixture(scope="module")
def rows() -> list[MappingRow]:
    return list(demo_rows(PEOPLE, now=NOW, origins=(1, 2)))


def test_the_same_seed_makes_the_same_rows(rows: list[MappingRow]) -> None:
    again = demo_rows(PEOPLE, now=NOW, origins=(1, 2))
    assert list(islice(again, 100)) == rows[:100]
    assert next(demo_rows(1, now=NOW, origins=(1, 2), seed=1)) != rows[0]


def test_rows_can_be_made_from_the_middle(rows: list[MappingRow]) -> None:
    head = list(demo_rows(5_000, now=NOW, origins=(1, 2)))
    tail = list(demo_rows(PEOPLE - 5_000, now=NOW, origins=(1, 2), first=5_000))
    assert head + tail == rows


def test_every_row_is_valid(rows: list[MappingRow]) -> None:
    for row in rows:
        x_id, x_handle, x_key, network, target_id, target, target_key, strength, state, origin = row[:10]
        leaf, issued, expires, name_until, evidence, is_contested = row[10:]
        assert XHandle.parse(x_handle).key == x_key
        if network_of_code(network) is Network.BLUESKY:
            assert str(Did.parse(target_id)) == target_id
            assert str(AtHandle.parse(target)) == target == target_key
        else:
            assert str(ActorUri.parse(target_id)) == target_id
            assert str(Acct.parse(target)) == target == target_key
        assert (x_id is not None) == (strength == Strength.BOUND)
        assert (state, leaf, is_contested) == (MappingState.ACTIVE, None, False)
        assert origin in {1, 2}
        assert NOW - timedelta(days=171) < issued <= NOW < expires
        assert name_until == expires
        assert '"kind":"demo"' in evidence


def test_people_are_in_the_shares_that_were_said(rows: list[MappingRow]) -> None:
    networks_of: dict[str, set[int]] = {}
    for row in rows:
        networks_of.setdefault(row[2], set()).add(row[3])
    assert len(networks_of) == PEOPLE
    strengths = Counter(Strength(row[7]) for row in rows)
    both = sum(len(networks) == 2 for networks in networks_of.values())
    disputed = len(rows) - PEOPLE - both

    assert strengths[Strength.BOUND] / len(rows) == pytest.approx(0.70, abs=0.02)
    assert strengths[Strength.HANDLE] / len(rows) == pytest.approx(0.20, abs=0.02)
    assert strengths[Strength.LINKED] / len(rows) == pytest.approx(0.08, abs=0.02)
    assert strengths[Strength.IMPORTED] / len(rows) == pytest.approx(0.02, abs=0.01)
    assert both / PEOPLE == pytest.approx(0.10, abs=0.02)
    assert disputed / PEOPLE == pytest.approx(0.001, abs=0.001)
    assert Counter(row[3] for row in rows)[1] / len(rows) == pytest.approx(0.54, abs=0.02)


def test_nobody_shares_an_account(rows: list[MappingRow]) -> None:
    owners: dict[str, str] = {}
    for row in rows:
        assert owners.setdefault(row[4], row[2]) == row[2]
        assert owners.setdefault(row[6], row[2]) == row[2]


def test_a_dispute_is_two_origins_that_name_two_accounts(rows: list[MappingRow]) -> None:
    said: dict[tuple[str, int], list[MappingRow]] = {}
    for row in rows:
        said.setdefault((row[2], row[3]), []).append(row)
    disputes = [pair for pair in said.values() if len(pair) > 1]
    assert disputes
    for one, other in disputes:
        assert {one[9], other[9]} == {1, 2}
        assert one[7] == other[7]
        assert one[4] != other[4]
        assert one[6] != other[6]


def test_there_is_an_end_of_the_world() -> None:
    assert next(demo_rows(1, now=NOW, origins=(1, 2), first=MAX_PEOPLE - 1))
    for count, first in [(MAX_PEOPLE + 1, 0), (2, MAX_PEOPLE - 1), (-1, 0), (1, -1)]:
        with pytest.raises(DemoError):
            demo_rows(count, now=NOW, origins=(1, 2), first=first)


async def test_an_invented_archive_finds_its_people_in_the_database(
    database: Database, clock: FakeClock, tmp_path: Path
) -> None:
    people = 2_000
    async with DemoStore(database).filling(DEMO_ORIGINS) as filling:
        await filling.copy_rows(demo_rows(people, now=START, origins=filling.origins))
    plan = ArchivePlan(follows=1_000, followers=100, people_total=people, known_share=0.5)
    path = tmp_path / "archive.zip"
    written = write_archive(path, plan)

    queries = read_archive(path).people
    matches = await Lookup(MappingStore(database), clock, ORIGIN).match(queries)

    world = World()
    known = {world.x_id(slot): world.handle(slot) for slot in range(people)}
    assert written.known_follows == 500
    # Seven in ten are found by their id; of the others, those whose present name stands in the tweets.
    in_directory = sum(query.x_id is not None and query.x_id.value in known for query in queries)
    assert 0.75 < len(matches) / in_directory < 0.92
    for match in matches:
        assert match.query.x_id is not None
        for answer in match.answers:
            assert str(answer.mapping.x_handle) == known[match.query.x_id.value]
