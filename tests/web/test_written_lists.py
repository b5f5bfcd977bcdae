"""A list that the database writes is answered as single mappings are: the same people, the same verdicts, the same bytes."""

import random
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import product
from typing import Final

import msgspec
import pytest

from directory.identifiers import Acct, ActorUri, XHandle, XId
from directory.mapping_life import MappingState
from directory.mappings import Evidence, EvidenceKind, Mapping, Strength
from directory.queries import Query
from directory.services import written_lists
from directory.services.lookup import Lookup
from directory.services.written_lists import AskedPairs, WrittenLists, choose_written, sort_names
from directory.store.database import Database
from directory.store.mapping_rows import ensure_origin
from directory.store.mappings import COPY_COLUMNS, MappingStore, network_code, row_of
from directory.store.written_mappings import (
    MAX_WRITTEN_EVIDENCE,
    NOT_WRITTEN,
    NOTHING_WRITTEN,
    WrittenMappings,
    WrittenMappingStore,
    WrittenRows,
)
from tests.harness.clock import START, FakeClock
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky, mastodon
from tests.harness.stored import StoredMappings
from web.api import written
from web.api.schema import MatchOut, as_json, lookup_out
from web.api.written import write_answer

FOLLOWED, LIMITED, SUSPENDED, FROZEN = range(4)
DAY: Final = timedelta(days=1)
ORIGINS: Final = {
    ORIGIN: (FOLLOWED, None),
    OTHER_ORIGIN: (FOLLOWED, timedelta(minutes=1)),
    "limited.example/log": (LIMITED, timedelta(minutes=1)),
    "stale.example/log": (FOLLOWED, 2 * DAY),
    "limited-and-stale.example/log": (LIMITED, 2 * DAY),
    "silent.example/log": (FOLLOWED, 8 * DAY),
    "suspended.example/log": (SUSPENDED, timedelta(minutes=1)),
}
"""The logs that a world knows: their standing, and for how long they have not been heard from."""
NAMES: Final = ["jack", "Jack", "JACK_2", "nina", "a", "x_y_z"]
TARGETS: Final = ["one", "two", "three"]
ODD_TARGETS: Final = [
    (ActorUri('https://social.example/users/a"b'), Acct("ab", "social.example")),
    (ActorUri("https://social.example/users/a\\b?q='/"), Acct("a.b-c", "social.example")),
]


class World:
    """An instance, its database, and both ways to match a list."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self._database = database
        store = StoredMappings(database)
        self._lookup = Lookup(store, clock, ORIGIN)
        self._lists = WrittenLists(WrittenMappingStore(database, ORIGIN), store, clock, ORIGIN)

    async def add(
        self, mapping: Mapping, state: MappingState = MappingState.ACTIVE, *, checked: bool = False
    ) -> None:
        async with self._database.transaction() as connection:
            origin = await ensure_origin(connection, mapping.origin)
            row = row_of(mapping, origin, state, mapping.leaf)
            await connection.copy_records_to_table("mapping", records=[row], columns=COPY_COLUMNS)
            if checked:
                await connection.execute(
                    "UPDATE mapping SET checked_until = $1 WHERE id = (SELECT max(id) FROM mapping)",
                    START + DAY,
                )

    async def set_origins(self) -> None:
        """Gives the origins that are known their standing."""
        async with self._database.transaction() as connection:
            for name, (standing, silence) in ORIGINS.items():
                await ensure_origin(connection, name)
                heard_at = START - silence if silence is not None else None
                await connection.execute(
                    "UPDATE origin SET standing = $2, heard_at = $3 WHERE name = $1", name, standing, heard_at
                )

    async def hide(self, mapping: Mapping, *, with_id: bool) -> None:
        """Hides the account of a mapping, by its id or by its handle alone."""
        x_id = mapping.x_id.value if mapping.x_id is not None and with_id else None
        async with self._database.transaction() as connection:
            await connection.execute(
                "INSERT INTO hide (id, origin, network, x_id, x_handle, x_handle_key, reason, hidden_by, hidden_at)"
                " SELECT gen_random_uuid(), id, $2, $3, $4, $5, '', '', now() FROM origin WHERE name = $1"
                " ON CONFLICT DO NOTHING",
                mapping.origin,
                network_code(mapping.network),
                x_id,
                mapping.x_handle.value,
                mapping.x_handle.key,
            )

    async def check(self, queries: list[Query]) -> int:
        """Asserts that both ways give the same bytes. Returns how many were found."""
        matches = await self._lookup.match(queries)
        plain = as_json(MatchOut(len(queries), len(matches), [lookup_out(match) for match in matches]))
        asked = AskedPairs(
            [query.x_id.value if query.x_id else None for query in queries],
            [query.x_handle.value if query.x_handle else None for query in queries],
            [query.seen for query in queries],
        )
        assert b"".join(await write_answer(self._lists, asked)) == plain
        return len(matches)


@pytest.fixture
async def world(database: Database, clock: FakeClock) -> World:
    made = World(database, clock)
    await made.set_origins()
    return made


def every_state() -> Iterator[tuple[Mapping, bool]]:
    """Yields a mapping in each state that it can be judged in, and whether our own look confirms it."""
    states = product([bluesky, mastodon], Strength, ORIGINS, [False, True], [False, True], [None, 7])
    for number, (make, strength, origin, contested, checked, leaf) in enumerate(states, start=1):
        mapping = make(f"n{number}", number, strength=strength, origin=origin)
        yield (
            msgspec.structs.replace(mapping, is_contested=contested, leaf=None if leaf is None else number),
            checked,
        )


async def test_one_mapping_in_each_state(world: World) -> None:
    """What is written of an X account with one mapping is what ranking says of that mapping alone."""
    numbers: list[int] = []
    for mapping, checked in every_state():
        await world.add(mapping, checked=checked)
        numbers.append(len(numbers) + 1)
    by_id = [Query(XId(number)) for number in numbers]
    by_handle = [Query(x_handle=XHandle(f"N{number}")) for number in numbers]
    by_both = [Query(XId(number), XHandle(f"n{number}"), seen=START.date()) for number in numbers]
    elsewhere = [Query(XId(number + 10_000), XHandle(f"n{number}")) for number in numbers]
    for queries in (by_id, by_handle, by_both):
        assert await world.check(queries) > len(numbers) // 2
    assert await world.check(elsewhere) == 0
    assert await world.check(by_id + by_handle + by_both + elsewhere) > len(numbers)


async def test_two_networks_in_each_pair_of_states(world: World) -> None:
    """Whoever is on both networks is answered in the order of ranking, by strength, and ours first in a dispute."""
    states = list(
        product(Strength, [ORIGIN, OTHER_ORIGIN, "limited.example/log", "stale.example/log"], [False, True])
    )
    queries = []
    for number, (first, second) in enumerate(product(states, states), start=1):
        for make, (strength, origin, contested) in ((bluesky, first), (mastodon, second)):
            mapping = make(f"n{number}", number, strength=strength, origin=origin)
            await world.add(msgspec.structs.replace(mapping, is_contested=contested))
        queries.append(Query(XId(number)))
    assert await world.check(queries) == len(queries)


def any_mapping(pick: random.Random) -> Mapping:
    make = pick.choice([bluesky, mastodon])
    x_id = pick.choice([None, None, *range(1, 7)])
    strength = pick.choice([each for each in Strength if x_id is not None or each is not Strength.BOUND])
    issued = START - pick.choice(
        [timedelta(0), timedelta(microseconds=1), timedelta(seconds=90), 30 * DAY, 400 * DAY]
    )
    issued += pick.choice([timedelta(0), timedelta(0), timedelta(0), 2 * DAY])
    mapping = make(
        pick.choice(NAMES),
        x_id,
        target=pick.choice(TARGETS),
        strength=strength,
        origin=pick.choice(list(ORIGINS)),
        issued=issued,
    )
    if make is mastodon and pick.random() < 0.1:
        identity, label = pick.choice(ODD_TARGETS)
        mapping = msgspec.structs.replace(mapping, target_id=identity, target_handle=label)
    expires = START + pick.choice([30 * DAY, 30 * DAY + timedelta(milliseconds=100), 30 * DAY, timedelta(0)])
    return msgspec.structs.replace(
        mapping,
        evidence=pick.choice([mapping.evidence, (), *some_evidence()]),
        is_contested=pick.random() < 0.15,
        expires=expires,
    )


def some_evidence() -> Iterator[tuple[Evidence, ...]]:
    seen = START - timedelta(days=61, microseconds=500)
    yield (Evidence(EvidenceKind.X_OAUTH, seen),)
    yield (Evidence(EvidenceKind.PROFILE_LINK, seen, 'https://é.example/"\\\n\u2028\x7f<'),)
    yield (Evidence(EvidenceKind.X_POST_ID, seen, "https://x.com/a/status/1", ("did:plc:named",)),)


def any_query(pick: random.Random) -> Query:
    x_id = pick.choice([None, *range(1, 9)])
    handle = pick.choice([None, *NAMES, "Nobody"]) if x_id is not None else pick.choice([*NAMES, "Nobody"])
    days: list[date | None] = [None, None, START.date(), date(2005, 1, 1), date(1, 1, 1), date(9999, 12, 31)]
    days += [(START - 800 * DAY).date(), (START - 20 * DAY).date()]
    return Query(
        XId(x_id) if x_id is not None else None,
        XHandle(handle) if handle is not None else None,
        seen=pick.choice(days) if handle is not None else None,
    )


@pytest.mark.parametrize("seed", range(40))
async def test_generated_worlds(world: World, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several mappings, disputes, limited, stale, silent and suspended origins, hides, renamed and contested accounts, odd
    texts and times; asked by id, by handle, by both, twice, and over the edges of pieces."""
    pick = random.Random(seed)  # noqa: S311 - it chooses what is tested
    if seed % 2:
        monkeypatch.setattr(written_lists, "WRITTEN_PIECE_NAMES", 5)
        monkeypatch.setattr(written_lists, "FEW_PAIRS", seed % 3)
        monkeypatch.setattr(written_lists, "SORTED_AT_ONCE", 7)
        monkeypatch.setattr(written_lists, "LOOKED_AT_AT_ONCE", 3)
        monkeypatch.setattr(written, "WRITTEN_AT_ONCE", 3)
    # Leaves of one log are told apart.
    leaves = iter(range(1_000))
    mappings = [any_mapping(pick) for _ in range(pick.choice([3, 8, 15, 30]))]
    for mapping in mappings:
        with_leaf = msgspec.structs.replace(mapping, leaf=next(leaves) if pick.random() < 0.7 else None)
        state = MappingState.ACTIVE if pick.random() < 0.9 else pick.choice(list(MappingState))
        await world.add(with_leaf, state, checked=pick.random() < 0.2)
    for mapping in pick.sample(mappings, pick.choice([0, 0, 1, 3])):
        await world.hide(mapping, with_id=pick.random() < 0.5)
    for _ in range(5):
        await world.check([any_query(pick) for _ in range(pick.choice([1, 4, 12, 40]))])
    await world.check([Query(XId(number)) for number in (*range(1, 9), 3, 2)])
    await world.check([])


async def test_long_evidence_is_not_written_and_is_answered_all_the_same(
    world: World, database: Database, clock: FakeClock
) -> None:
    """Attack: a log says sixteen times of each X account where it is, with all the evidence that a body may hold. A list that asks
    for a thousand of them got 60 MB in one row, and nobody else had a turn while it was read."""
    mappings = [bluesky(f"n{number}", number) for number in range(1, 5)] + [mastodon("nina")]
    for mapping, chars in zip(
        mappings, (10, MAX_WRITTEN_EVIDENCE // 2, MAX_WRITTEN_EVIDENCE, 3_000, 3_000), strict=True
    ):
        evidence = tuple(Evidence(EvidenceKind.X_OAUTH, START, "x" * (chars // 2)) for _ in range(2))
        await world.add(msgspec.structs.replace(mapping, evidence=evidence))
    store = WrittenMappingStore(database, ORIGIN)
    found = await store.find([1, 2, 3, 4], [], ["nina"], clock.now())
    assert sorted(zip(found.by_id.names, map(bool, found.by_id.texts), strict=True)) == [
        (1, True),
        (2, True),
        (3, False),
        (4, False),
    ]
    assert (found.by_handle.states, found.by_handle.texts) == ([NOT_WRITTEN], [""])
    queries = [Query(XId(number)) for number in range(1, 5)]
    assert await world.check(queries) == 4
    assert await world.check([*queries, Query(x_handle=XHandle("Nina"))]) == 5


async def test_the_zone_and_the_dates_of_a_session_change_nothing(
    dsn: str, world: World, clock: FakeClock
) -> None:
    """Attack by habit: a database that is set to another zone, or to write dates as people do, would answer with other
    times."""
    await world.add(bluesky("jack", 12, issued=START - timedelta(hours=5)))
    other = await Database.connect(dsn, max_connections=1)
    try:
        async with other.connection() as connection:
            await connection.execute(
                "SET TimeZone = 'Asia/Kolkata'; SET DateStyle = 'German'; SET IntervalStyle = 'iso_8601'"
            )
        assert await World(other, clock).check([Query(XId(12)), Query(x_handle=XHandle("Jack"))]) == 2
    finally:
        await other.close()


class NoMappings(MappingStore):
    """A store that nothing is read from."""

    async def find_mappings(
        self, queries: Sequence[Query], now: datetime, *, with_evidence: bool = True
    ) -> list[Mapping]:
        raise AssertionError(queries)


class NotedMappings(MappingStore):
    """A store that notes for whom it is asked."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.asked: list[list[Query]] = []

    async def find_mappings(
        self, queries: Sequence[Query], now: datetime, *, with_evidence: bool = True
    ) -> list[Mapping]:
        self.asked.append(list(queries))
        return await super().find_mappings(queries, now, with_evidence=with_evidence)


async def test_who_is_in_doubt_is_ranked_while_others_are_read(
    world: World, database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of ids alone, once for each piece. Where handles stand beside some, it is known at the end who is in doubt."""
    monkeypatch.setattr(written_lists, "WRITTEN_PIECE_NAMES", 4)
    for number in range(1, 9):
        await world.add(bluesky(f"n{number}", number))
        if number % 4 == 0:
            await world.add(bluesky(f"n{number}", number, target="other", origin=OTHER_ORIGIN))
    ids: list[int | None] = [8, 7, 6, 5, 4, 3, 2, 1]
    for handle, batches in ((None, [[4], [8]]), ("nobody", [[8, 4]])):
        store = NotedMappings(database)
        lists = WrittenLists(WrittenMappingStore(database, ORIGIN), store, clock, ORIGIN)
        handles = [None, handle, *[None] * 6]
        answer = await write_answer(lists, AskedPairs(ids, handles, [None] * 8))
        assert b'"found":8' in answer[0]
        assert sorted(store.asked, key=str) == [[Query(XId(x_id)) for x_id in batch] for batch in batches]


def test_what_a_log_says_often_of_an_account_is_not_looked_at_here() -> None:
    """Attack: a log says sixteen times of each X account where it is, and a list asks for a thousand of them. To take each
    apart, whose states are like nobody else's, held up everybody for 40 ms."""
    pick = random.Random(1)  # noqa: S311 - it chooses what is tested
    names = [x_id for x_id in range(1, 101) for _ in range(16)]
    states = [pick.randrange(1, 5) + 128 * pick.randrange(1, 3) + 8 * pick.randrange(8) for _ in names]
    pick.shuffle(names)
    written_lists.are_apart.cache_clear()
    rows = WrittenMappings(
        WrittenRows(names, states, [""] * len(names)), NOTHING_WRITTEN.by_handle, frozenset()
    )
    apart, untold = choose_written(rows)
    assert (apart, untold.x_ids) == ({}, set(names))
    assert written_lists.are_apart.cache_info().misses == 0


async def test_the_usual_person_is_not_ranked(world: World, database: Database, clock: FakeClock) -> None:
    """By id or by name, on one network or on both: no mapping is made an object of."""
    await world.add(bluesky("jack", 12))
    await world.add(mastodon("jack", 12))
    await world.add(mastodon("nina"))
    lists = WrittenLists(WrittenMappingStore(database, ORIGIN), NoMappings(database), clock, ORIGIN)
    asked = AskedPairs([12, None, 13], [None, "nina", "jack"], [None, None, START.date()])
    assert b'"found":2' in (await write_answer(lists, asked))[0]


async def test_a_list_is_asked_for_in_the_order_of_the_indexes(monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces that hold each name once and together all of them, whatever the order of the list."""
    monkeypatch.setattr(written_lists, "SORTED_AT_ONCE", 4)
    asked = AskedPairs(
        [9, 3, None, 7, 1, None, 8, None, 2],
        ["B", None, "D", None, "a", "c", None, "e", None],
        [None, None, None, None, START.date(), None, None, START.date(), None],
    )
    names = await sort_names(asked)
    assert names.between(0, len(names)) == ([1, 2, 3, 7, 8, 9], ["a", "b"], ["c", "d"])
    for size in range(1, 12):
        parts = [names.between(first, first + size) for first in range(0, len(names), size)]
        assert [name for part in parts for column in part for name in column] == [
            *names.x_ids,
            *names.beside,
            *names.alone,
        ]
        assert all(sum(len(column) for column in part) <= size for part in parts)
