"""Servers that are no replicas of the primary, or not any more, are not asked, whatever they say of themselves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from structlog.testing import capture_logs

from deploy.migrate import migrate
from directory.queries import Query
from directory.services.lookup import Lookup
from directory.store.database import Database
from directory.store.replicas import ReplicaState
from tests.directory.replicas.conftest import Site, reading, until
from tests.harness.clock import FakeClock
from tests.harness.mappings import ORIGIN, bluesky
from tests.harness.replicas import Cluster, Server, same_database
from tests.harness.stored import StoredMappings

JACK = Query.parse("12")
FORGED_BEAT = "UPDATE replica_beat SET number = number + 1000000"


@pytest.fixture
async def stored(dsn: str, clock: FakeClock) -> AsyncIterator[StoredMappings]:
    """What the primary holds: one person."""
    database = await Database.connect(dsn, max_connections=2)
    store = StoredMappings(database)
    await store.add([bluesky("jack", 12)])
    try:
        yield store
    finally:
        await database.close()


async def found(site: Site) -> bool:
    return bool((await Lookup(site.mappings, site.clock, ORIGIN).lookup(JACK)).answers)


async def test_a_replica_that_was_promoted_by_mistake(
    cluster: Cluster, dsn: str, stored: StoredMappings, clock: FakeClock
) -> None:
    """Attack: it takes no more of the primary, answers as fast as ever, and the replicas that follow it still call themselves
    replicas, of the same system, with positions in the log that are ahead of the primary's."""
    promoted = cluster.replica("promoted")
    follower = cluster.replica("follower", of=promoted)
    async with reading(dsn, [promoted, follower], clock) as site:
        await site.until_used()
        promoted.promote()
        await until(lambda: site.states()[0] is ReplicaState.NO_REPLICA)
        own = await Database.connect(same_database(dsn, promoted), max_connections=1)
        async with own.connection() as connection, stored.database.connection() as at_primary:
            await connection.execute("CREATE TABLE much AS SELECT generate_series(1, 10000)")
            await connection.execute(FORGED_BEAT)
            shown = "SELECT FROM replica_beat WHERE number > 1000000"
            await until(lambda: bool(_run(follower, dsn, shown)))
            await at_primary.execute("DELETE FROM mapping")
            ahead = await at_primary.fetchval("SELECT pg_current_wal_lsn()")
        await own.close()
        assert follower.run("SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() > $1", ahead)[0][0]
        await until(lambda: site.states()[1] is ReplicaState.BEHIND)
        assert not await found(site)
        assert site.states() == [ReplicaState.NO_REPLICA, ReplicaState.BEHIND]


def _run(server: Server, dsn: str, sql: str) -> list[object]:
    return list(server.run(sql, database=dsn.rpartition("/")[2]))


async def test_the_primary_itself_is_no_replica(dsn: str, stored: StoredMappings, clock: FakeClock) -> None:
    async with reading(dsn, [dsn], clock) as site:
        await until(lambda: site.states() == [ReplicaState.NO_REPLICA])
        assert await found(site)
        assert site.replica.answered == 0


async def test_a_replica_of_another_system_is_refused_with_a_sentence(
    cluster: Cluster, dsn: str, stored: StoredMappings, clock: FakeClock
) -> None:
    """Attack by accident: the address leads to another instance's server, whose database has the same name."""
    stranger = cluster.stranger("stranger")
    name = dsn.rpartition("/")[2]
    stranger.run(f"CREATE DATABASE {name} OWNER an_operator")
    await asyncio.to_thread(asyncio.run, migrate(same_database(dsn, stranger)))
    with capture_logs() as logs:
        async with reading(dsn, [stranger], clock) as site:
            await until(lambda: any(each["event"] == "a replica is not asked" for each in logs))
            assert site.states() == [ReplicaState.OTHER_SYSTEM]
            assert await found(site)
            assert site.replica.answered == 0
    (told,) = (each for each in logs if each["event"] == "a replica is not asked")
    assert told["reason"] == "it is a replica of another database system"
    assert told["replica"] == f"127.0.0.1:{stranger.port}"


async def test_one_that_does_not_answer_keeps_nobody_from_the_others(
    cluster: Cluster, replica: Server, dsn: str, stored: StoredMappings, clock: FakeClock
) -> None:
    """Attack: the first of two takes connections and says nothing. The other is looked at as often as ever."""
    second = cluster.replica("second")
    nowhere = "postgresql://an_operator@127.0.0.1:1/nothing"
    async with reading(dsn, [second, replica, nowhere], clock) as site:
        await until(lambda: site.states()[:2] == [ReplicaState.USED] * 2)
        assert site.states()[2] is ReplicaState.UNREACHABLE
        await until(lambda: all((each.as_of or 0) > 0 for each in site.reads.replicas[:2]))
        before = [each.answered for each in site.reads.replicas]
        for _ in range(10):
            assert await found(site)
        answered = [each.answered - was for each, was in zip(site.reads.replicas, before, strict=True)]
        assert answered == [5, 5, 0], "they take turns"
        second.freeze()
        try:
            await until(lambda: site.states()[0] is ReplicaState.UNREACHABLE)
            states = set()
            for _ in range(50):
                states.add(site.states()[1])
                assert await found(site)
                await asyncio.sleep(0.05)
            assert ReplicaState.USED in states
        finally:
            second.thaw()


async def test_an_address_behind_which_there_are_several_servers(
    cluster: Cluster, replica: Server, dsn: str, stored: StoredMappings, clock: FakeClock
) -> None:
    """Attack by accident: a balancer stands before two replicas. The connection that is looked at leads to the one that is
    current, those that ask lead to the other, which stands still."""
    still = cluster.replica("still")
    await until(lambda: bool(_run(still, dsn, "SELECT FROM mapping")))
    still.run("SELECT pg_wal_replay_pause()")
    async with stored.database.connection() as connection:
        await connection.execute("DELETE FROM mapping")
    async with (
        balancer([replica.port, still.port]) as port,
        reading(dsn, [f"postgresql://an_operator@127.0.0.1:{port}/{dsn.rpartition('/')[2]}"], clock) as site,
    ):
        began, told = site.now(), set()
        while site.now() - began < 5:
            assert not await found(site)
            told.add(site.replica.reason)
            await asyncio.sleep(0.02)
    assert any("the address leads to several servers: name each of them" in reason for reason in told)


@asynccontextmanager
async def balancer(ports: list[int]) -> AsyncIterator[int]:
    """Leads the first connection to the first server, and all others to the second."""
    count = 0

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        port, count = ports[min(count, 1)], count + 1
        there = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer))

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
        writer.close()

    server = await asyncio.start_server(lead, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
