"""The next batch is read and encoded while one is taken in. Nothing of it is believed until its rows are locked: what was
withdrawn, hidden, changed or staged meanwhile is not published as it was read."""

from pathlib import Path
from typing import Any

import pytest

from directory.store.database import Database
from directory.store.mapping_rows import mark_contested, withdraw_mappings
from federation.errors import InvalidStatement, LogWaits
from federation.own_log import encoding
from federation.own_log.sequencer import Sequencer
from federation.protocol.statement import encode_statement
from tests.federation.log_harness import ORIGIN, LogHarness
from tests.harness.clock import FakeClock

BATCH = 3


@pytest.fixture
def harness(database: Database, tmp_path: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, tmp_path / "data", clock)


async def run_once(harness: LogHarness, sequencer: Sequencer) -> int:
    async with harness.database.connection() as connection:
        return await sequencer.run_once(connection)


async def read_ahead(harness: LogHarness, more: int = BATCH) -> tuple[Sequencer, list[int]]:
    """Publishes a batch, and reads those ahead who wait still. Returns their row numbers."""
    await harness.add_pending(BATCH + more)
    sequencer = harness.sequencer(max_batch=BATCH)
    assert await run_once(harness, sequencer) == BATCH + 1
    rows = await harness.fetch("SELECT id FROM mapping WHERE state = 0 ORDER BY id")
    return sequencer, [row["id"] for row in rows]


def has_read(sequencer: Sequencer) -> bool:
    return sequencer._ahead is not None


async def published(harness: LogHarness) -> list[int]:
    rows = await harness.fetch("SELECT id FROM mapping WHERE state = 1 ORDER BY id OFFSET 3")
    return [row["id"] for row in rows]


async def check_at_rest(harness: LogHarness) -> None:
    assert await harness.fetch("SELECT FROM staged_batch") == []
    await harness.check()
    await harness.check_history()


async def test_what_was_read_ahead_is_not_encoded_again(
    harness: LogHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequencer, waiting = await read_ahead(harness)

    def encode_nothing(_: object) -> bytes:
        raise AssertionError("it was encoded while the batch before was taken in")

    monkeypatch.setattr(encoding, "encode_statement", encode_nothing)
    assert await run_once(harness, sequencer) == BATCH
    assert await published(harness) == waiting
    await check_at_rest(harness)


async def test_many_batches_in_pieces_are_complete(
    harness: LogHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("federation.own_log.encoding.PIECE", 2)
    monkeypatch.setattr("federation.own_log.ahead.PIECE", 2)
    monkeypatch.setattr("federation.ingest.PIECE", 2)
    await harness.add_pending(38)
    assert await harness.run(harness.sequencer(max_batch=7)) == 39
    assert await harness.live_leaves() == list(range(1, 39))
    await check_at_rest(harness)


async def test_who_withdraws_meanwhile_is_not_published(harness: LogHarness) -> None:
    sequencer, waiting = await read_ahead(harness)
    async with harness.database.transaction() as connection:
        await withdraw_mappings(connection, [waiting[1]])
    harness.made -= 1
    await harness.run(sequencer)
    assert await published(harness) == [waiting[0], waiting[2]]
    await check_at_rest(harness)


async def test_who_withdraws_at_this_moment_is_not_waited_for_nor_published(harness: LogHarness) -> None:
    sequencer, waiting = await read_ahead(harness)
    async with harness.database.transaction() as connection:
        await withdraw_mappings(connection, [waiting[1]])
        await harness.run(sequencer)
    harness.made -= 1
    assert await published(harness) == [waiting[0], waiting[2]]
    await harness.run(sequencer)
    await check_at_rest(harness)


async def test_who_is_hidden_meanwhile_is_not_published(harness: LogHarness) -> None:
    sequencer, waiting = await read_ahead(harness)
    await harness.hide(waiting[1])
    harness.made -= 1
    await harness.run(sequencer)
    assert await published(harness) == [waiting[0], waiting[2]]
    await check_at_rest(harness)


async def test_what_expires_meanwhile_is_not_published(harness: LogHarness) -> None:
    sequencer, waiting = await read_ahead(harness)
    expires = (await harness.fetch("SELECT expires FROM mapping LIMIT 1"))[0]["expires"]
    harness.clock.advance(seconds=(expires - harness.clock.now()).total_seconds())
    assert await run_once(harness, sequencer) == 0
    assert await published(harness) == []
    assert len(waiting) == BATCH


async def test_what_changes_meanwhile_is_published_as_it_is_then(harness: LogHarness) -> None:
    """It was read as uncontested: published so, peers would follow it unseen."""
    sequencer, waiting = await read_ahead(harness)
    async with harness.database.transaction() as connection:
        await mark_contested(connection, [waiting[1]])
    await harness.run(sequencer)
    assert await published(harness) == waiting
    said = await harness.fetch(
        "SELECT m.id FROM log_statement s JOIN mapping m ON m.leaf = s.leaf"
        """ WHERE convert_from(s.body, 'UTF8') LIKE '%"contested":true%'"""
    )
    assert said == [{"id": waiting[1]}]
    await check_at_rest(harness)


async def test_a_lock_that_is_given_back_changes_nothing(harness: LogHarness) -> None:
    sequencer, waiting = await read_ahead(harness)
    async with harness.database.transaction() as connection:
        await connection.execute("SELECT FROM mapping WHERE id = $1 FOR UPDATE", waiting[1])
    assert await run_once(harness, sequencer) == BATCH
    assert await published(harness) == waiting
    await check_at_rest(harness)


async def test_what_was_passed_by_comes_with_the_next_batch(harness: LogHarness) -> None:
    """However many wait: else whoever looked at a page at the wrong moment would wait for all who came after."""
    sequencer, waiting = await read_ahead(harness, more=4 * BATCH)
    async with harness.database.transaction() as connection:
        await connection.execute("SELECT FROM mapping WHERE id = $1 FOR UPDATE", waiting[0])
        assert await run_once(harness, sequencer) == BATCH
    assert await published(harness) == waiting[1 : BATCH + 1]
    assert await run_once(harness, sequencer) == BATCH
    assert await published(harness) == waiting[: 2 * BATCH]
    await harness.run(sequencer)
    assert await published(harness) == waiting
    await check_at_rest(harness)


async def test_another_process_stages_the_same(harness: LogHarness) -> None:
    sequencer, waiting = await read_ahead(harness)
    other = harness.sequencer(max_batch=2)
    async with harness.database.connection() as connection:
        await other._stage(connection)
    # It finds them staged, by their leaves beside the rows, and takes what is left.
    assert await run_once(harness, sequencer) == 1
    assert await published(harness) == waiting
    await check_at_rest(harness)


async def test_another_process_has_published_the_same(harness: LogHarness) -> None:
    sequencer, waiting = await read_ahead(harness)
    await harness.run(harness.sequencer())
    assert await run_once(harness, sequencer) == 0
    assert await published(harness) == waiting
    await check_at_rest(harness)


async def test_whoever_leads_anew_reads_anew(harness: LogHarness) -> None:
    """Another database may answer by then, where the same numbers are other people."""
    sequencer, _ = await read_ahead(harness)
    assert has_read(sequencer)
    async with harness.database.connection() as connection:
        await sequencer.check(connection)
    assert not has_read(sequencer)
    await harness.run(sequencer)
    await check_at_rest(harness)


async def test_a_fault_loses_what_was_read_and_nothing_else(
    harness: LogHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequencer, waiting = await read_ahead(harness)

    async def fail(*_: Any) -> None:
        raise LogWaits("another process came first")

    with monkeypatch.context() as patched:
        patched.setattr("federation.store.log_rows.upsert_tiles", fail)
        with pytest.raises(LogWaits):
            await run_once(harness, sequencer)
    assert not has_read(sequencer)
    await harness.run(sequencer)
    assert await published(harness) == waiting
    await check_at_rest(harness)


async def test_what_cannot_be_said_is_dropped_unless_it_changed(
    harness: LogHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = {"x_handle": ""}

    def encode(statement: Any) -> bytes:
        if str(statement.x_handle) == refused["x_handle"]:
            raise InvalidStatement("refused by the test")
        return encode_statement(statement)

    monkeypatch.setattr(encoding, "encode_statement", encode)
    refused["x_handle"] = f"person{BATCH + 1}"
    sequencer, waiting = await read_ahead(harness)
    refused["x_handle"] = f"person{BATCH}"
    harness.made -= 1
    await harness.run(sequencer)
    assert await published(harness) == [waiting[0], waiting[2]]
    assert await harness.fetch("SELECT FROM mapping WHERE state = 0") == []
    await check_at_rest(harness)


async def test_what_is_read_ahead_is_of_this_log(harness: LogHarness) -> None:
    sequencer, waiting = await read_ahead(harness)
    async with harness.database.transaction() as connection:
        await connection.execute("INSERT INTO origin (name) VALUES ('other.example/log')")
        await connection.execute(
            "UPDATE mapping SET origin = (SELECT id FROM origin WHERE name <> $1) WHERE id = $2",
            ORIGIN,
            waiting[1],
        )
    harness.made -= 1
    await harness.run(sequencer)
    assert await published(harness) == [waiting[0], waiting[2]]
