"""The store on a server of others: all that holds on the embedded PostgreSQL 18 holds on a 16 with a password."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from urllib.parse import quote

import asyncpg
import pytest

from deploy.checks import check_database
from deploy.database import running_database
from deploy.migrate import migrate
from deploy.wiring.instance import build_lookup, migrated_database
from directory.clock import SystemClock
from directory.errors import DirectoryUnavailable
from directory.queries import Query
from directory.services.batching import LookupBatcher
from directory.services.lookup import Lookup
from directory.settings import Settings
from directory.store.database import Database
from directory.store.session_locks import release_session_lock, try_session_lock
from tests.conftest import TEMPLATE
from tests.directory.test_lookup import *  # noqa: F403 - the same tests, collected here over another server
from tests.harness.clock import FakeClock
from tests.harness.external_postgres import PASSWORD, ExternalPostgres, external_postgres
from tests.harness.mappings import ORIGIN, bluesky
from tests.harness.postgres import RUN, SharedPostgres
from tests.harness.stored import StoredMappings


@pytest.fixture(scope="module")
def server() -> Iterator[ExternalPostgres]:
    with external_postgres() as running:
        yield running


@pytest.fixture
async def dsn(server: ExternalPostgres) -> AsyncIterator[str]:
    """As `Settings.database_url` gives it to those who ask which database to use."""
    shared = SharedPostgres(server.dsn, os.environ[RUN])
    template = await shared.template(TEMPLATE, migrate)
    async with shared.database(template) as address:
        with running_database(Settings(database_url=address)) as used:
            yield used


async def test_it_is_another_server(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    assert 160_000 <= int(await connection.fetchval("SHOW server_version_num")) < 170_000
    assert not await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    assert await connection.fetchval("SELECT inet_server_port()") is not None
    await connection.close()


async def test_an_instance_works_on_it(server: ExternalPostgres) -> None:
    shared = SharedPostgres(server.dsn, os.environ[RUN])
    async with shared.database() as address:
        settings = Settings(database_url=address)
        async with migrated_database(address, connections=2) as database:
            assert (
                await build_lookup(settings, database, SystemClock()).lookup(Query.parse("12"))
            ).answers == ()
        assert all(finding.is_good for finding in await check_database(settings))


async def test_the_server_notices_who_left_its_locks_behind(dsn: str) -> None:
    """A machine that lost its power, or the network between: its session was kept for two hours, and with it the lock of who
    signs, or checks."""
    database = await Database.connect(dsn, max_connections=1)
    async with database.connection() as connection:
        assert await try_session_lock(connection, 1)
        rows = await connection.fetch("SELECT name, setting::int FROM pg_settings WHERE name LIKE 'tcp_%'")
        await release_session_lock(connection, 1)
    assert {row["name"]: row["setting"] for row in rows} == {
        "tcp_keepalives_idle": 15,
        "tcp_keepalives_interval": 5,
        "tcp_keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    }
    await database.close()


async def test_a_wrong_password_is_one_error(server: ExternalPostgres) -> None:
    address = server.dsn.replace(quote(PASSWORD, safe=""), "wrong")
    assert address != server.dsn
    for connect in (Database.connect, migrate):
        with pytest.raises(DirectoryUnavailable) as refused:
            await connect(address)
        assert "password authentication failed" in str(refused.value)
        assert "wrong" not in str(refused.value)


async def test_a_server_that_is_stopped_under_way_is_one_error(clock: FakeClock) -> None:
    with external_postgres() as running:
        shared = SharedPostgres(running.dsn, os.environ[RUN])
        address = await shared.create_database_from_template("stopped")
        await migrate(address)
        database = await Database.connect(address, max_connections=2)
        store = StoredMappings(database)
        await store.add([bluesky("jack", 12)])
        running.stop()
        for _ in range(2):
            with pytest.raises(DirectoryUnavailable):
                await Lookup(store, clock, ORIGIN).lookup(Query.parse("12"))
        with pytest.raises(DirectoryUnavailable):
            await store.add([bluesky("nina", 13)])
        await database.close()


async def test_a_role_whose_password_was_changed_is_told_to_lookups(dsn: str, clock: FakeClock) -> None:
    """The pool opens a connection with a password that is no longer the role's. Lookups waited for ever, and others were
    told of a fault of ours."""
    database = await Database.connect(dsn, max_connections=2)
    keeper = await asyncpg.connect(dsn)
    batcher = LookupBatcher(StoredMappings(database), clock, ORIGIN)

    async def found(query: str) -> bool:
        async with asyncio.timeout(20):
            return bool((await batcher.lookup(Query.parse(query))).answers)

    try:
        assert not await found("12")
        await keeper.execute("ALTER ROLE CURRENT_USER PASSWORD 'another'")
        await keeper.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = current_user AND datname = current_database() AND pid <> pg_backend_pid()"
        )
        for _ in range(3):
            with pytest.raises(DirectoryUnavailable):
                await found("12")
            with pytest.raises(DirectoryUnavailable):
                await Lookup(StoredMappings(database), clock, ORIGIN).lookup(Query.parse("12"))
    finally:
        quoted = PASSWORD.replace("'", "''")
        await keeper.execute(f"ALTER ROLE CURRENT_USER PASSWORD '{quoted}'")
        await keeper.close()
    assert not await found("12")
    await database.close()
