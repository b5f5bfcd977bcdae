"""Counts: right with hides and expiry, made by one process for all, seldom, and never in the way of a page."""

import asyncio
from datetime import datetime, timedelta

import pytest

from directory.errors import DirectoryUnavailable
from directory.mappings import Network
from directory.moderation.hides import HideReason
from directory.queries import Query
from directory.services.moderation import Moderation
from directory.services.statistics import FRESH_FOR, LOOK_AGAIN_AFTER, StatisticsService
from directory.store.database import Database
from directory.store.hides import HideStore
from directory.store.statistics import COUNTING_LOCK, GROUPS, PEOPLE, QUIETLY, KeptCount, StatisticsStore
from tests.harness.clock import START, FakeClock
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky, mastodon
from tests.harness.stored import StoredMappings

WAITS_FOR_LOCK = """
SELECT true FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class CountedStore(StatisticsStore):
    """Counts how often it counts; `fails` makes counting fail, `slow` waits until it is set."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.counts = 0
        self.fails = False
        self.slow = asyncio.Event()
        self.slow.set()

    async def count(self, now: datetime, *, waits: bool = False) -> KeptCount | None:
        self.counts += 1
        await self.slow.wait()
        if self.fails:
            raise DirectoryUnavailable("the database did not answer")
        return await super().count(now, waits=waits)


@pytest.fixture
def store(database: Database) -> CountedStore:
    return CountedStore(database)


@pytest.fixture
def service(store: CountedStore, clock: FakeClock) -> StatisticsService:
    return StatisticsService(store, clock)


async def fill(mapping_store: StoredMappings) -> None:
    """Three people: jack at two origins, ann and old, who has expired, by their ids; bob by his name alone."""
    old = bluesky("old", 14, issued=START - timedelta(days=180))
    jack = [bluesky("jack", 12), mastodon("jack", 12), bluesky("jack", 12, origin=OTHER_ORIGIN)]
    await mapping_store.add([*jack, bluesky("ann", 13), bluesky("bob"), mastodon("bob"), old])


async def test_mappings_that_answer_are_counted_and_each_x_account_once(
    service: StatisticsService, mapping_store: StoredMappings
) -> None:
    await fill(mapping_store)
    counted = await service.current()
    assert (counted.mappings, counted.people, counted.origins) == (6, 3, 2)
    assert counted.by_network == {"bluesky": 4, "mastodon": 2}
    assert counted.by_strength == {"bound": 4, "handle": 2}
    assert counted.by_origin == {ORIGIN: 5, OTHER_ORIGIN: 1}


async def test_who_is_hidden_is_not_counted(
    service: StatisticsService, mapping_store: StoredMappings, database: Database, clock: FakeClock
) -> None:
    """By an id, and by a name where the mapping has no id: at the origin and on the network where it is hidden."""
    await fill(mapping_store)
    moderation = Moderation(HideStore(database), clock)
    for account, network in (("12", Network.BLUESKY), ("@bob", Network.MASTODON)):
        await moderation.hide(Query.parse(account), network, ORIGIN, HideReason.IMPERSONATION, "mo")
    counted = await service.current()
    assert (counted.mappings, counted.people) == (4, 3)
    assert counted.by_network == {"bluesky": 3, "mastodon": 1}


async def test_a_count_is_made_once_for_all_processes(
    database: Database, mapping_store: StoredMappings, clock: FakeClock
) -> None:
    await fill(mapping_store)
    first, second = CountedStore(database), CountedStore(database)
    counts = [await StatisticsService(store, clock).current() for store in (first, second)]
    assert counts[0] == counts[1]
    assert (first.counts, second.counts) == (1, 0)


async def test_a_count_is_renewed_when_it_is_stale(
    service: StatisticsService, store: CountedStore, mapping_store: StoredMappings, clock: FakeClock
) -> None:
    assert (await service.current()).people == 0
    await fill(mapping_store)
    clock.advance(seconds=FRESH_FOR.total_seconds())
    assert (await service.current()).people == 0
    clock.advance(seconds=1)
    assert (await service.current()).people == 3
    assert store.counts == 2


async def test_a_count_that_takes_long_is_made_as_seldom(
    store: CountedStore, database: Database, clock: FakeClock
) -> None:
    """Ten million people are counted in half a minute: that is a hundredth of the time, then."""
    await store.count(clock.now())
    async with database.connection() as connection:
        await connection.execute("UPDATE directory_count SET took_s = 30")
    service, before = StatisticsService(store, clock), store.counts
    clock.advance(minutes=49)
    await service.current()
    assert store.counts == before
    clock.advance(minutes=2)
    await service.current()
    assert store.counts == before + 1


async def test_a_count_of_the_future_is_made_anew(
    store: CountedStore, mapping_store: StoredMappings, clock: FakeClock
) -> None:
    """It was kept by a machine whose clock ran ahead."""
    await store.count(clock.now() + timedelta(days=400))
    await fill(mapping_store)
    counted = await StatisticsService(store, clock).current()
    assert (counted.people, counted.counted_at) == (3, clock.now())


async def test_a_kept_count_that_this_version_does_not_read_is_made_anew(
    service: StatisticsService, store: CountedStore, database: Database, clock: FakeClock
) -> None:
    await store.count(clock.now())
    async with database.connection() as connection:
        await connection.execute("""UPDATE directory_count SET counts = '{"people": "many"}'""")
    assert (await service.current()).people == 0
    assert store.counts == 2


async def test_a_page_has_the_last_count_at_once_while_it_is_renewed(
    service: StatisticsService, store: CountedStore, mapping_store: StoredMappings, clock: FakeClock
) -> None:
    await service.current()
    await fill(mapping_store)
    clock.advance(hours=1)
    store.slow.clear()
    shown = await service.at_hand()
    assert shown is not None
    assert shown.people == 0
    store.slow.set()
    assert (await service.current()).people == 3


async def test_before_the_first_count_a_page_waits_a_moment_and_is_shown_without(
    service: StatisticsService, store: CountedStore
) -> None:
    store.slow.clear()
    assert await service.at_hand(wait_s=0.01) is None
    store.slow.set()
    assert await service.at_hand() is not None
    assert store.counts == 1


async def test_while_another_process_counts_the_last_count_is_told(
    store: CountedStore, mapping_store: StoredMappings, database: Database, clock: FakeClock
) -> None:
    await store.count(clock.now())
    await fill(mapping_store)
    clock.advance(hours=1)
    service = StatisticsService(store, clock)
    async with database.transaction() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", COUNTING_LOCK)
        assert (await service.current()).people == 0
        assert (await service.current()).people == 0
        assert store.counts == 2
    clock.advance(seconds=LOOK_AGAIN_AFTER.total_seconds())
    assert (await service.current()).people == 3


async def test_the_very_first_count_of_another_process_is_waited_for(
    service: StatisticsService, store: CountedStore, database: Database, clock: FakeClock
) -> None:
    """Two processes that are started at one moment: the second one told for five seconds that nobody was counted."""
    await store.count(clock.now())
    async with database.connection() as connection:
        kept = await connection.fetchval("DELETE FROM directory_count RETURNING counts")
    async with database.transaction() as other:
        await other.execute("SELECT pg_advisory_xact_lock($1)", COUNTING_LOCK)
        asking = asyncio.create_task(service.current())
        async with database.connection() as connection, asyncio.timeout(30):
            while not await connection.fetchval(WAITS_FOR_LOCK):
                await connection.execute("SELECT pg_stat_clear_snapshot()")
        await other.execute("INSERT INTO directory_count VALUES (1, 0, $1)", kept)
    assert (await asking).counted_at == clock.now()


async def test_a_count_that_fails_is_not_tried_with_every_page(
    service: StatisticsService, store: CountedStore, clock: FakeClock
) -> None:
    """Where nothing was counted, who asks is told so; where something was, that is shown."""
    store.fails = True
    for _ in range(3):
        with pytest.raises(DirectoryUnavailable):
            await service.current()
        assert await service.at_hand() is None
    assert store.counts == 1
    store.fails = False
    clock.advance(seconds=LOOK_AGAIN_AFTER.total_seconds())
    assert (await service.current()).people == 0
    store.fails = True
    clock.advance(hours=1)
    assert (await service.current()).people == 0


async def test_after_a_count_that_failed_late_those_of_other_processes_are_told(
    service: StatisticsService, store: CountedStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a process whose count broke off after minutes told for hours that nobody was counted."""
    monkeypatch.setattr("directory.services.statistics.COUNTING_SHARE", 1e-9)
    store.fails = True
    with pytest.raises(DirectoryUnavailable):
        await service.current()
    store.fails = False
    clock.advance(seconds=LOOK_AGAIN_AFTER.total_seconds())
    with pytest.raises(DirectoryUnavailable):
        await service.current()
    assert store.counts == 1
    counted = await store.count(clock.now())
    clock.advance(seconds=LOOK_AGAIN_AFTER.total_seconds())
    assert counted is not None
    assert await service.current() == counted.statistics


async def test_a_fault_that_nobody_foresaw_is_not_met_again_at_once(
    service: StatisticsService, store: CountedStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack by accident: a count that breaks off after minutes with another error than foreseen was begun anew after seconds."""
    monkeypatch.setattr("directory.services.statistics.COUNTING_SHARE", 1e-9)

    async def fail(*_: object, **__: object) -> None:
        store.counts += 1
        raise KeyError("a network that this version does not know")

    monkeypatch.setattr(store, "count", fail)
    for _ in range(3):
        assert await service.at_hand() is None
        clock.advance(seconds=LOOK_AGAIN_AFTER.total_seconds())
    assert store.counts == 1


async def test_a_clock_that_is_set_back_keeps_nobody_from_counting(
    service: StatisticsService, store: CountedStore, clock: FakeClock
) -> None:
    """It ran a year ahead as a count failed: that was tried again after a year."""
    clock.advance(days=365)
    store.fails = True
    assert await service.at_hand() is None
    store.fails = False
    clock.advance(days=-365)
    assert (await service.current()).people == 0


async def test_counting_reads_the_table_in_its_order_on_one_core(
    database: Database, mapping_store: StoredMappings, clock: FakeClock
) -> None:
    """An index would be read in the order of its keys: ten million people were as many reads of the disk."""
    await fill(mapping_store)
    async with database.transaction() as connection:
        await connection.execute(QUIETLY)
        for statement in (GROUPS, PEOPLE):
            rows = await connection.fetch(f"EXPLAIN {statement}", clock.now(), clock.now())
            plan = "\n".join(row[0] for row in rows)
            assert "Hash" in plan
            assert not any(word in plan for word in ("Merge", "Gather", " Index Scan using mapping"))
