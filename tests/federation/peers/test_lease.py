"""What a peer said is leased: stale, hidden and purged by its silence, and back by itself when it is heard again."""

from datetime import timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.answers import take_in_leaves
from directory.doubts import Doubt
from directory.queries import Query
from directory.services.lookup import Lookup
from directory.store.database import Database
from directory.store.mappings import MappingStore
from directory.store.origins import OriginStore
from federation.peers.lease import DAYS_SEEN, PURGED_AFTER, PeerLeases, has_lapsed, see_silence
from federation.store.peer_leases import PeerLeaseStore, Silence
from tests.directory.test_answers import said
from tests.federation.peers.heard import add_peer
from tests.harness.clock import START, FakeClock
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky

THEIRS: Final = [bluesky(f"p{number}", number, origin=OTHER_ORIGIN) for number in range(1, 8)]
THIRD: Final = "three.example/log"


@pytest.fixture
def leases(database: Database, clock: FakeClock) -> PeerLeases:
    return PeerLeases(PeerLeaseStore(database), clock)


@pytest.fixture
def lookup(database: Database, clock: FakeClock) -> Lookup:
    return Lookup(MappingStore(database), clock, ORIGIN)


COUNTS: Final = {
    "mapping": "SELECT count(*) FROM mapping",
    "peer_statement": "SELECT count(*) FROM peer_statement",
}


async def count(database: Database, table: str) -> int:
    async with database.connection() as connection:
        return int(await connection.fetchval(COUNTS[table]))


async def run_for(leases: PeerLeases, clock: FakeClock, days: int) -> int:
    """Runs the lease once a day. Returns how many rows were purged."""
    purged = 0
    for _ in range(days):
        clock.advance(days=1)
        purged += await leases.run()
    return purged


async def test_the_silence_of_a_peer_day_by_day(
    database: Database, leases: PeerLeases, lookup: Lookup, clock: FakeClock
) -> None:
    """Fresh, stale after a day, hidden after 7, purged after 30: bodies and salts as well."""
    await add_peer(database, OTHER_ORIGIN, START, *THEIRS)
    (answer,) = (await lookup.lookup(Query.parse("1"))).answers
    assert answer.may_follow
    await run_for(leases, clock, 1)
    (answer,) = (await lookup.lookup(Query.parse("1"))).answers
    assert (answer.mapping.is_stale, answer.doubt) == (True, Doubt.STALE)
    await run_for(leases, clock, 6)
    assert (await lookup.lookup(Query.parse("1"))).answers == ()
    assert await run_for(leases, clock, 22) == 0
    assert await count(database, "peer_statement") == len(THEIRS)
    assert await run_for(leases, clock, 1) == 2 * len(THEIRS)
    assert await count(database, "peer_statement") == 0
    assert await count(database, "mapping") == 0
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT bodies_size FROM peer_log") == 0


async def test_a_peer_that_returns_answers_again_by_itself(
    database: Database, leases: PeerLeases, lookup: Lookup, clock: FakeClock
) -> None:
    await add_peer(database, OTHER_ORIGIN, START, *THEIRS)
    await run_for(leases, clock, 20)
    assert (await lookup.lookup(Query.parse("1"))).answers == ()
    await OriginStore(database).record_heard(OTHER_ORIGIN, clock.now(), clock.now())
    (answer,) = (await lookup.lookup(Query.parse("1"))).answers
    assert answer.may_follow
    assert await run_for(leases, clock, 29) == 0


async def test_after_a_purge_a_peer_is_taken_in_anew(
    database: Database, leases: PeerLeases, lookup: Lookup, clock: FakeClock
) -> None:
    await add_peer(database, OTHER_ORIGIN, START, *THEIRS)
    await run_for(leases, clock, 31)
    await OriginStore(database).record_heard(OTHER_ORIGIN, clock.now(), clock.now())
    async with database.transaction() as connection:
        await take_in_leaves(connection, OTHER_ORIGIN, said(*THEIRS), clock.now())
    (answer,) = (await lookup.lookup(Query.parse("1"))).answers
    assert answer.may_follow
    assert await run_for(leases, clock, 6) == 0


async def test_nothing_but_the_silent_peers_goes(
    database: Database, leases: PeerLeases, clock: FakeClock
) -> None:
    """Our own log has no such time, and another peer is heard: neither loses anything."""
    async with database.transaction() as connection:
        await take_in_leaves(connection, ORIGIN, said(bluesky("ours", 90)), START)
    await add_peer(database, OTHER_ORIGIN, START, *THEIRS)
    await add_peer(database, THIRD, START, bluesky("third", 91, origin=THIRD))
    assert await run_for(leases, clock, 29) == 0
    await OriginStore(database).record_heard(THIRD, clock.now(), clock.now())
    assert await run_for(leases, clock, 2) == 2 * len(THEIRS)
    assert await count(database, "mapping") == 2
    assert await count(database, "peer_statement") == 1


async def test_a_clock_that_steps_a_year_ahead_purges_nobody(
    database: Database, leases: PeerLeases, clock: FakeClock
) -> None:
    """By our clock every peer has been silent for 400 days at once. It is put right within some days: all is there."""
    await add_peer(database, OTHER_ORIGIN, START, *THEIRS)
    clock.advance(days=400)
    assert await leases.run() == 0
    assert await run_for(leases, clock, DAYS_SEEN - 2) == 0
    clock.advance(days=-404)
    assert await leases.run() == 0
    await OriginStore(database).record_heard(OTHER_ORIGIN, clock.now(), clock.now())
    assert await run_for(leases, clock, 8) == 0
    assert await count(database, "peer_statement") == len(THEIRS)


async def test_a_clock_that_runs_a_year_ahead_purges_no_peer_that_is_heard(
    database: Database, leases: PeerLeases, clock: FakeClock
) -> None:
    """All peers are hidden as long as it lasts. They speak each day, though: it is our clock that is wrong."""
    await add_peer(database, OTHER_ORIGIN, START, *THEIRS)
    clock.advance(days=400)
    for day in range(1, 3 * DAYS_SEEN):
        await OriginStore(database).record_heard(OTHER_ORIGIN, START + timedelta(days=day), clock.now())
        assert await run_for(leases, clock, 1) == 0


async def test_an_instance_that_was_off_for_long_hears_its_peers_before_it_purges(
    database: Database, leases: PeerLeases, clock: FakeClock
) -> None:
    await add_peer(database, OTHER_ORIGIN, START, *THEIRS)
    clock.advance(days=60)
    assert await leases.run() == 0
    assert await run_for(leases, clock, DAYS_SEEN) == 2 * len(THEIRS)


async def test_a_peer_that_is_heard_in_the_middle_of_a_purge_keeps_the_rest(
    database: Database, leases: PeerLeases, clock: FakeClock
) -> None:
    """Its bodies are being fetched again: a step that went on by what it knew before would delete them."""
    await add_peer(database, OTHER_ORIGIN, START, *THEIRS)
    await run_for(leases, clock, 29)
    store = PeerLeaseStore(database)
    (peer,) = await store.find_silent(clock.now())
    assert await store.purge_step(peer, 2) == 4
    await OriginStore(database).record_heard(OTHER_ORIGIN, clock.now(), clock.now())
    assert await store.purge_step(peer, 2) == 0
    assert await count(database, "peer_statement") == len(THEIRS) - 2


async def test_a_fetch_that_is_under_way_does_not_skip_what_was_purged(
    database: Database, clock: FakeClock
) -> None:
    """It would record up to where it has asked, and the purged leaves before would never be asked for again."""
    await add_peer(database, OTHER_ORIGIN, START, *THEIRS)
    clock.advance(days=40)
    store = PeerLeaseStore(database)
    (peer,) = await store.find_silent(clock.now())
    await store.purge_step(peer, 2)
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT bodies_size, attempts FROM peer_log")
    assert tuple(row or ()) == (0, 1)


async def test_a_peer_that_was_never_heard_answers_nothing(
    database: Database, leases: PeerLeases, lookup: Lookup, clock: FakeClock
) -> None:
    """Without a time its mappings would never be hidden, like those of our own log."""
    await add_peer(database, OTHER_ORIGIN, START, *THEIRS)
    async with database.connection() as connection:
        await connection.execute("UPDATE origin SET heard_at = NULL")
    await leases.run()
    assert (await lookup.lookup(Query.parse("1"))).answers == ()


@given(st.lists(st.tuples(st.integers(-500, 500), st.booleans()), max_size=40))
def test_nothing_lapses_but_what_was_silent_on_many_days(looks: list[tuple[int, bool]]) -> None:
    """Whatever our clock does: no purge before the silence was seen as often as that, each time a day after the last."""
    silence: Silence | None = None
    heard, seen = START, 0
    for hours, speaks in looks:
        now = START + timedelta(days=60, hours=hours)
        if speaks:
            heard += timedelta(hours=1)
            seen = 0
        silence = see_silence(silence, heard, now)
        seen += 1
        assert silence.days <= seen
        if has_lapsed(silence, now):
            assert seen >= DAYS_SEEN
            assert now - heard >= PURGED_AFTER
