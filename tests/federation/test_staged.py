"""Between staging and publishing a mapping has a leaf that its row does not show yet. Whoever changes it then is revoked,
waited for or published with the same leaf, and nothing has two."""

import asyncio
from pathlib import Path

import pytest

from directory.members.receipts import Elsewhere
from directory.store import mapping_rows
from directory.store.database import Connection, Database
from directory.store.erasures import ErasureStore
from directory.store.mapping_rows import mark_contested, withdraw_mappings
from federation import ingest
from tests.federation.log_harness import LogHarness
from tests.federation.published_members import publish_as_ada
from tests.harness.clock import FakeClock


@pytest.fixture
def harness(database: Database, tmp_path: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, tmp_path / "data", clock)


async def stage(harness: LogHarness, count: int) -> dict[int, int]:
    """Stages a batch. Returns the row number of each leaf."""
    await harness.add_pending(count)
    async with harness.database.connection() as connection:
        await harness.sequencer()._stage(connection)
    return await staged(harness)


async def staged(harness: LogHarness) -> dict[int, int]:
    rows = await harness.fetch("SELECT unnest(leaves) AS leaf, unnest(mappings) AS number FROM staged_batch")
    return {row["leaf"]: row["number"] for row in rows}


async def check_at_rest(harness: LogHarness) -> None:
    assert await staged(harness) == {}
    await harness.check()
    await harness.check_history()


async def test_a_batch_is_staged_beside_its_rows(harness: LogHarness) -> None:
    rows = await stage(harness, 3)
    assert sorted(rows) == [1, 2, 3]
    assert await harness.fetch("SELECT FROM mapping WHERE leaf IS NOT NULL") == []
    await harness.run()
    assert await harness.live_leaves() == [1, 2, 3]
    said = await harness.fetch("SELECT id, leaf FROM mapping")
    assert {row["leaf"]: row["id"] for row in said} == rows
    await check_at_rest(harness)


async def test_each_row_gets_its_own_leaf_in_several_statements(
    harness: LogHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leaves of a batch are shuffled: what is sent a few at a time must not be told of another row."""
    monkeypatch.setattr(mapping_rows, "ROWS_A_STATEMENT", 3)
    monkeypatch.setattr(ingest, "PIECE", 7)
    rows = await stage(harness, 20)
    before = await harness.fetch("SELECT id, x_id FROM mapping ORDER BY id")
    await harness.run()
    said = await harness.fetch("SELECT id, leaf FROM mapping WHERE state = 1")
    assert {row["leaf"]: row["id"] for row in said} == rows
    assert await harness.fetch("SELECT id, x_id FROM mapping ORDER BY id") == before
    await check_at_rest(harness)


async def test_a_batch_is_locked_at_once(harness: LogHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for with each piece, the answer waits for the thread that parses the next one, and the database for us."""
    monkeypatch.setattr(ingest, "PIECE", 1)
    await stage(harness, 4)
    asked: list[str] = []
    async with harness.database.connection() as connection:
        connection.add_query_logger(lambda query: asked.append(query.query))
        await harness.sequencer().run_once(connection)
    assert sum("AND m.leaf IS NULL FOR UPDATE" in query for query in asked) == 1
    assert await harness.live_leaves() == [1, 2, 3, 4]


async def test_a_hide_that_knows_the_handle_alone_is_told_the_id(harness: LogHarness) -> None:
    """It comes while the mapping is staged: with that it would be published, and whoever takes the handle later be hidden."""
    await stage(harness, 1)
    (mapping,) = await harness.fetch("SELECT id FROM mapping")
    await harness.hide(mapping["id"], with_id=False)
    await harness.run()
    assert await harness.fetch("SELECT x_id FROM hide") == await harness.fetch("SELECT x_id FROM mapping")
    await check_at_rest(harness)


async def test_who_withdraws_while_it_is_staged_is_revoked(harness: LogHarness) -> None:
    """The withdrawal waits for the lock of the batch, and began before the batch was there. Deleted as one that no log has,
    its leaf would hold for ever."""
    await harness.add_pending(3)
    number = (await harness.fetch("SELECT min(id) AS id FROM mapping"))[0]["id"]
    began = asyncio.Event()

    async def withdraw() -> None:
        async with harness.database.transaction() as member:
            began.set()
            await withdraw_mappings(member, [number])

    async with harness.database.transaction() as connection:
        # A savepoint, as the sequencer's own transaction: what it has locked stays so until this one ends.
        await harness.sequencer()._stage(connection)
        withdrawing = asyncio.create_task(withdraw())
        await began.wait()
        await _wait_for_lock(connection)
    await withdrawing
    (withdrawn,) = await harness.fetch("SELECT id, leaf FROM mapping WHERE state = 2")
    assert withdrawn["id"] == (await staged(harness))[withdrawn["leaf"]] == number
    await harness.run()
    assert len(await harness.live_leaves()) == 2
    assert await harness.fetch("SELECT target FROM log_revoke") == [{"target": withdrawn["leaf"]}]
    assert await harness.fetch("SELECT FROM mapping WHERE state = 2") == []
    await check_at_rest(harness)


async def _wait_for_lock(connection: Connection) -> None:
    """Waits until another connection to this database waits for a lock. A transaction sees who waited when it first looked, unless
    it is told to forget that."""
    async with asyncio.timeout(20):
        while not await connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"
        ):
            await asyncio.sleep(0.01)
            await connection.execute("SELECT pg_stat_clear_snapshot()")


@pytest.mark.parametrize("withdraws", [True, False])
async def test_who_is_changing_it_keeps_its_leaf(harness: LogHarness, *, withdraws: bool) -> None:
    """It is not waited for: the others answer, and it is published or revoked with the leaf that it has."""
    rows = await stage(harness, 3)
    async with harness.database.connection() as connection:
        changing = connection.transaction()
        await changing.start()
        await withdraw_mappings(connection, [rows[2]])
        await harness.run()
        assert await harness.live_leaves() == [1, 3]
        assert await staged(harness) == {2: rows[2]}
        await harness.add_pending(1)
        await harness.run()
        assert await harness.live_leaves() == [1, 3, 4]
        assert await staged(harness) == {2: rows[2]}
        await (changing.commit() if withdraws else changing.rollback())
    await harness.run()
    assert await harness.live_leaves() == ([1, 3, 4] if withdraws else [1, 2, 3, 4])
    assert len(await harness.fetch("SELECT FROM log_revoke")) == int(withdraws)
    await check_at_rest(harness)


async def test_what_is_signed_and_not_published_is_not_staged_again(harness: LogHarness) -> None:
    """A process that was killed has signed; another one, which looked before that, stages the next batch on top."""
    await stage(harness, 3)
    async with harness.database.connection() as connection:
        await harness.sequencer()._sign(connection, await harness.state())
    assert sorted(await stage(harness, 1)) == [1, 2, 3, 4]
    await harness.run()
    assert await harness.live_leaves() == [1, 2, 3, 4]
    await check_at_rest(harness)


async def test_what_is_contested_meanwhile_stays_contested(harness: LogHarness) -> None:
    rows = await stage(harness, 2)
    async with harness.database.transaction() as connection:
        await mark_contested(connection, [rows[1]])
    await harness.run()
    said = await harness.fetch("SELECT leaf FROM mapping WHERE is_contested AND state = 1")
    assert [row["leaf"] for row in said] == [1]
    await check_at_rest(harness)


async def test_what_cannot_be_read_waits_for_no_other_leaf(harness: LogHarness) -> None:
    rows = await stage(harness, 3)
    async with harness.database.connection() as connection:
        await connection.execute("UPDATE log_statement SET body = '{}' WHERE leaf = 2")
    assert await harness.run() == 0
    assert await harness.live_leaves() == [1, 3]
    assert await harness.fetch("SELECT id, state FROM mapping WHERE leaf = 2") == [
        {"id": rows[2], "state": 0}
    ]
    assert await staged(harness) == {}
    await harness.check_history()


async def test_who_leaves_meanwhile_is_revoked_and_told_so(harness: LogHarness) -> None:
    _, signed_in = await publish_as_ada(harness)
    await stage(harness, 1)
    receipt = await ErasureStore(harness.database).erase_member(signed_in.member, harness.clock.now())
    assert [each.elsewhere for each in receipt.withdrawn] == [Elsewhere.REVOKED]
    await harness.run()
    assert len(await harness.live_leaves()) == 1
    assert len(await harness.fetch("SELECT FROM log_revoke")) == 1
    assert len(await harness.fetch("SELECT FROM log_statement")) == 1
    await check_at_rest(harness)


async def test_who_leaves_as_it_is_staged_is_told_that_it_is_revoked(harness: LogHarness) -> None:
    """What was read before the batch was there, and withdrawn after it, was told as never shared: its leaf is in the log."""
    _, signed_in = await publish_as_ada(harness)
    erasures = ErasureStore(harness.database)
    async with harness.database.transaction() as connection:
        await harness.sequencer()._stage(connection)
        leaving = asyncio.create_task(erasures.erase_member(signed_in.member, harness.clock.now()))
        await _wait_for_lock(connection)
    assert [each.elsewhere for each in (await leaving).withdrawn] == [Elsewhere.REVOKED]
    await harness.run()
    assert len(await harness.fetch("SELECT FROM log_revoke")) == 1
    await check_at_rest(harness)
