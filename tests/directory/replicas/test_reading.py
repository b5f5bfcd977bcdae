"""Look-ups and lists are read from a replica that is current; whatever befalls it, the primary is asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from directory.errors import DirectoryUnavailable
from directory.queries import Query
from directory.services.batching import LookupBatcher
from directory.services.lookup import MATCH_PIECE_PAIRS, SORTED_PAIRS, Lookup
from directory.store.replicas import LATE_IN_A_ROW, ReplicaState, Retry
from tests.directory.replicas.conftest import Site, reading, until
from tests.harness.clock import FakeClock
from tests.harness.mappings import ORIGIN, bluesky
from tests.harness.replicas import Cluster, Server, same_database

JACK = Query.parse("12")
CONNECTIONS = 10
MANY = SORTED_PAIRS + 2 * MATCH_PIECE_PAIRS
"""A list whose last part is asked for once the first one is told."""
SLOW_ON_REPLICA = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_sleep({}) END, count(*) FROM mapping"
WITHDRAWN_WITHIN_S = 2.0
WITHDRAW = "DELETE FROM mapping WHERE x_id = $1"


async def found(site: Site, query: Query = JACK) -> bool:
    return bool((await Lookup(site.mappings, site.clock, ORIGIN).lookup(query)).answers)


async def withdraw(site: Site, x_id: int = 12) -> float:
    """Withdraws at the primary. Returns when that was done."""
    async with site.primary.connection() as connection:
        await connection.execute(WITHDRAW, x_id)
    return site.now()


async def ask_until_gone(site: Site, gone_at: float) -> None:
    """Asks without pause, until nothing is found any more. Fails where an answer comes later than promised."""
    while await found(site):
        assert site.now() - gone_at <= WITHDRAWN_WITHIN_S
        await asyncio.sleep(0)


@asynccontextmanager
async def replay_paused(replica: Server) -> AsyncIterator[None]:
    """Has a replica receive what the primary writes, and not show it."""
    replica.run("SELECT pg_wal_replay_pause()")
    try:
        yield
    finally:
        replica.run("SELECT pg_wal_replay_resume()")


async def test_a_current_replica_answers(site: Site) -> None:
    await site.stored.add([bluesky("jack", 12)])
    await site.until_held()
    before = site.replica.answered
    assert await found(site)
    matched = await Lookup(site.mappings, site.clock, ORIGIN).match([JACK, Query.parse("@jack")])
    assert [match.query for match in matched] == [JACK, Query.parse("@jack")]
    assert site.replica.answered == before + 2
    assert not any(site.replica.retries.values())


async def test_what_is_withdrawn_is_gone_within_two_seconds(site: Site) -> None:
    await site.stored.add([bluesky("jack", 12)])
    await site.until_held()
    assert await found(site)
    await ask_until_gone(site, await withdraw(site))


async def test_a_replica_that_falls_behind_is_not_asked(site: Site, replica: Server) -> None:
    """Attack: somebody withdraws while a replica stands still. It goes on answering, and its own figures tell that it has
    received all."""
    await site.stored.add([bluesky("jack", 12)])
    await site.until_held()
    async with replay_paused(replica):
        assert await found(site)
        await ask_until_gone(site, await withdraw(site))
        await until(lambda: site.replica.state is ReplicaState.BEHIND)
        answered = site.replica.answered
        assert not await found(site)
        assert site.replica.answered == answered
    await site.until_used()


async def test_an_idle_primary_is_no_lag(site: Site) -> None:
    """Where nothing is written, the time of the last transaction grows old, and nothing is behind."""
    began = site.now()
    await until(lambda: site.now() - began > WITHDRAWN_WITHIN_S)
    assert site.replica.state is ReplicaState.USED


async def test_a_lag_that_begins_in_the_middle_of_a_list(site: Site, replica: Server) -> None:
    """Attack: a list is long enough for a replica to fall behind while it is read. The last of it is withdrawn meanwhile."""
    await site.stored.add([bluesky(f"n{number}", number) for number in range(1, MANY + 1)])
    await site.until_held()
    queries = [Query.parse(str(number)) for number in range(1, MANY + 1)]
    chunks = Lookup(site.mappings, site.clock, ORIGIN).match_chunks(queries)
    first = await anext(chunks)
    assert len(first) == MATCH_PIECE_PAIRS
    async with replay_paused(replica):
        await withdraw(site, MANY)
        await until(lambda: not site.replica.is_current)
        answered = site.replica.answered
        rest = [match.query for chunk in [chunk async for chunk in chunks] for match in chunk]
        assert site.replica.answered == answered
    assert rest == queries[MATCH_PIECE_PAIRS:-1]
    await site.until_used()


async def test_a_replica_that_freezes_under_a_statement(site: Site, replica: Server) -> None:
    """Attack: its machine is paused after the question was sent. Connections stay open, and nothing comes."""
    await site.stored.add([bluesky("jack", 12)])
    await site.until_held()
    assert await found(site)
    batcher = LookupBatcher(site.mappings, site.clock, ORIGIN)
    replica.freeze()
    try:
        matches = await asyncio.gather(*(batcher.lookup(Query.parse(str(number))) for number in range(1, 99)))
        assert sum(bool(match.answers) for match in matches) == 1
        assert site.replica.retries[Retry.BROKEN]
        await until(lambda: site.replica.state is ReplicaState.UNREACHABLE)
        assert await found(site)
    finally:
        replica.thaw()
    await site.until_used()


async def test_a_replica_that_dies_under_a_statement(site: Site, replica: Server) -> None:
    await site.stored.add([bluesky("jack", 12)])
    await site.until_held()
    asking = asyncio.create_task(site.reads.fetch(SLOW_ON_REPLICA.format(60)))
    await until(lambda: site.replica.lent == 1)
    replica.kill()
    try:
        assert (await asking)[0]["count"] == 1
        assert await found(site)
        assert site.replica.retries[Retry.BROKEN]
    finally:
        await asyncio.to_thread(replica.start)
    await site.until_used()


async def test_a_conflict_with_what_is_replayed_is_asked_again(site: Site, replica: Server) -> None:
    """What the primary has cleaned up is still needed by a statement here: the replica breaks it off."""
    await site.stored.add([bluesky("jack", 12), bluesky("ada", 13)])
    await site.until_held()
    asking = asyncio.create_task(site.reads.fetch(SLOW_ON_REPLICA.format(60)))
    await until(lambda: bool(replica.run("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'")))
    await withdraw(site)
    async with site.primary.connection() as connection:
        await connection.execute("VACUUM mapping")
    assert (await asking)[0]["count"] == 1
    assert site.replica.retries[Retry.CONFLICT] == 1
    await site.until_used()


async def test_an_answer_that_comes_too_late_is_not_believed(site: Site) -> None:
    """Attack: a replica takes the question and answers seconds later, from before a withdrawal."""
    rows = await site.reads.fetch(SLOW_ON_REPLICA.format(WITHDRAWN_WITHIN_S))
    assert [row["count"] for row in rows] == [0]
    assert site.replica.retries[Retry.TOO_LATE] == 1


async def test_long_lists_keep_nobody_from_a_replica_that_is_well(site: Site) -> None:
    """Attack: somebody has a few lists matched that take a cold disk seconds, so that all others have to ask the primary.
    Only where nothing comes in time any more, a replica is left alone."""
    slow = SLOW_ON_REPLICA.format(WITHDRAWN_WITHIN_S)
    await site.until_used()
    late = [asyncio.create_task(site.reads.fetch(slow)) for _ in range(LATE_IN_A_ROW - 1)]
    await asyncio.gather(*late)
    assert site.states() == [ReplicaState.USED]
    assert not await found(site)
    assert site.replica.answered == 1
    for _ in range(2):
        await asyncio.gather(*(site.reads.fetch(slow) for _ in range(LATE_IN_A_ROW // 2)))
    assert site.replica.state is ReplicaState.PAUSED


async def test_a_statement_that_no_server_can_run_is_no_fault_of_a_replica(site: Site) -> None:
    """Attack: somebody finds a question that PostgreSQL refuses, and with it takes all replicas away from all others."""
    with pytest.raises(asyncpg.UndefinedTableError):
        await site.reads.fetch("SELECT FROM nowhere")
    assert site.replica.state is ReplicaState.USED


async def test_all_connections_lent_is_no_doubt(site: Site) -> None:
    """Attack: somebody takes all connections to a replica. What comes meanwhile is asked at the primary, and no more."""
    taken = [asyncio.create_task(site.reads.fetch(SLOW_ON_REPLICA.format(1.0))) for _ in range(CONNECTIONS)]
    await until(lambda: site.replica.lent == CONNECTIONS)
    before = site.replica.as_of
    assert not await found(site)
    assert site.replica.retries[Retry.BUSY] == 1
    assert site.replica.as_of is not None
    assert before is not None
    assert site.replica.as_of >= before
    await asyncio.gather(*taken)


async def test_a_replica_whose_role_may_not_read(
    site: Site, cluster: Cluster, replica: Server, dsn: str, clock: FakeClock
) -> None:
    """Its operator gave the role of the replicas too little: the primary answers, and the log says so."""
    await site.stored.add([bluesky("jack", 12)])
    async with site.primary.connection() as connection:
        await connection.execute("GRANT SELECT ON replica_beat TO PUBLIC")
    cluster.primary.run("CREATE ROLE a_reader LOGIN")
    await site.until_held()
    async with reading(dsn, [same_database(dsn, replica, "a_reader")], clock) as poor:
        await poor.until_used()
        assert await found(poor)
        assert poor.replica.retries[Retry.REFUSED] == 1
        assert poor.replica.state is ReplicaState.PAUSED
        assert await found(poor)
        assert poor.replica.retries[Retry.REFUSED] == 1, "it is left alone for a moment"


async def test_while_the_primary_is_away_nothing_is_told(
    site: Site, cluster: Cluster, replica: Server
) -> None:
    """Nobody knows what was withdrawn: whether the primary is dead, or only out of reach from here."""
    await site.stored.add([bluesky("jack", 12)])
    await site.until_held()
    cluster.primary.freeze()
    try:
        await until(lambda: site.replica.state is ReplicaState.UNKNOWN)
        with pytest.raises(DirectoryUnavailable):
            await found(site)
        assert replica.run("SELECT pg_is_in_recovery()")[0][0], "it answers, and is not asked"
    finally:
        cluster.primary.thaw()
    await site.until_used()
    assert await found(site)
