"""What is withdrawn is gone from the rows and from the relations, whatever server holds them; the files of our own,
write-ahead log and all, are looked through in tests/deploy/embedded/test_erased_files.py."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import pytest

from directory.store.database import Database
from federation.own_log.daily import scrub_erased
from federation.store import scrub
from tests.federation.log_harness import LogHarness
from tests.harness.clock import FakeClock
from tests.harness.postgres import SharedPostgres, with_database

SNAPSHOTS_END_S: Final = 30.0


@pytest.fixture
def harness(database: Database, tmp_path: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, tmp_path / "data", clock)


async def read_relations(dsn: str) -> AsyncIterator[tuple[str, bytes]]:
    """Reads every table and index as its file holds it, with free space and dead rows."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("CHECKPOINT")
        rows = await connection.fetch(
            "SELECT oid::regclass::text AS name, pg_relation_filepath(oid) AS path FROM pg_class"
            " WHERE relkind IN ('r', 'i', 't') AND pg_relation_filepath(oid) IS NOT NULL"
        )
        for name, path in rows:
            yield name, bytes(await connection.fetchval("SELECT pg_read_binary_file($1)", path))
    finally:
        await connection.close()


async def dump(database: Database) -> bytes:
    """Reads all rows of all tables, as a backup would hold them."""
    parts: list[bytes] = []
    async with database.connection() as connection:
        for (name,) in await connection.fetch(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ):
            parts += [repr(tuple(row)).encode() for row in await connection.fetch(f"SELECT * FROM {name}")]  # noqa: S608 - the parts are the test's own
    return b"\n".join(parts)


async def holding_after_scrubs(database: Database, admin: str, secrets: Sequence[bytes]) -> set[str]:
    """Scrubs as it is done each day. Returns which relations hold a secret after that: none, but while somebody's snapshot keeps
    dead rows from being removed, which a later scrub does."""
    deadline = time.monotonic() + SNAPSHOTS_END_S
    while True:
        await scrub_erased(database)
        relations = [each async for each in read_relations(admin)]
        holding = {name for name, data in relations if any(secret in data for secret in secrets)}
        if not holding or time.monotonic() > deadline:
            return holding | await held_back_by(admin) if holding else holding
        await asyncio.sleep(0.1)


async def held_back_by(admin: str) -> set[str]:
    """Tells whose snapshot keeps dead rows."""
    connection = await asyncpg.connect(admin)
    try:
        rows = await connection.fetch(
            "SELECT concat_ws(' ', backend_type, datname, state, backend_xmin, xact_start, query) FROM pg_stat_activity"
            " WHERE backend_xmin IS NOT NULL UNION ALL SELECT slot_name || xmin::text FROM pg_replication_slots"
        )
    finally:
        await connection.close()
    return {row[0] for row in rows}


async def test_salt_body_and_names_are_in_no_file(
    harness: LogHarness, postgres: SharedPostgres, dsn: str
) -> None:
    """A withdrawn person must not be found again by who gets the disk."""
    people = await harness.add_pending(60)
    await harness.run()
    gone = people[20]
    leaf = (await harness.fetch(f"SELECT leaf FROM mapping WHERE x_handle = '{gone.x_handle}'"))[0]["leaf"]  # noqa: S608 - the parts are the test's own
    (statement,) = await harness.fetch(f"SELECT salt, body FROM log_statement WHERE leaf = {leaf}")  # noqa: S608 - the parts are the test's own
    secrets = [statement["salt"], bytes(statement["body"])[-120:], str(gone.target_handle).encode()]
    admin = with_database(postgres._admin_dsn, urlsplit(dsn).path[1:])
    found = {name for name, data in [each async for each in read_relations(admin)] if secrets[0] in data}
    assert found == {"log_statement"}
    await harness.withdraw([leaf])
    await harness.run()
    await harness.check()
    backup = await dump(harness.database)
    assert not any(secret in backup or repr(secret)[2:-1].encode() in backup for secret in secrets)
    holding = await holding_after_scrubs(harness.database, admin, secrets)
    assert holding == set()
    assert len(await harness.live_leaves()) == 59


async def test_a_table_that_a_backup_holds_keeps_nobody_waiting(
    database: Database, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup holds each table until it is done. The daily rewriting waited for that, and everybody who wanted to read the
    table waited behind it: for as long as the backup took, nobody was answered."""
    monkeypatch.setattr(scrub, "TRY_AGAIN_S", 0.5)
    backup = await asyncpg.connect(dsn)
    transaction = backup.transaction()
    await transaction.start()
    await backup.fetch("SELECT FROM mapping")
    scrubbing = asyncio.create_task(scrub.rewrite_tables(database))
    async with database.connection() as connection:
        while not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
            assert not scrubbing.done()
        await connection.fetch("SELECT FROM mapping LIMIT 1", timeout=10)
    await transaction.rollback()
    await backup.close()
    async with asyncio.timeout(60):
        assert await scrubbing == [], "it was tried again"
