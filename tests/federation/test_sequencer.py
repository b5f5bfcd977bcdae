from pathlib import Path

import pytest

from directory.queries import Query
from directory.store.database import Database
from federation.errors import LogRefused, MissingKeys
from federation.keys.instance import MARK_FILE
from federation.protocol.log_state import read_own_checkpoint
from tests.federation.log_harness import ORIGIN, LogHarness
from tests.harness.clock import FakeClock


@pytest.fixture
def harness(database: Database, tmp_path: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, tmp_path / "data", clock)


async def test_a_log_begins_with_its_operations_document(harness: LogHarness) -> None:
    assert await harness.run() == 1
    report = await harness.check()
    assert report.checkpoint.size == 1
    assert await harness.run() == 0


async def test_what_is_pending_answers_once_it_is_published(harness: LogHarness) -> None:
    people = await harness.add_pending(300)
    query = [Query(people[0].x_id, None)]
    assert await harness.mappings.find_mappings(query, harness.clock.now()) == []
    assert await harness.run() == 301
    found = await harness.mappings.find_mappings(query, harness.clock.now())
    assert [each.origin for each in found] == [ORIGIN]
    assert found[0].leaf is not None
    assert (await harness.check()).checkpoint.size == 301


async def test_a_log_grows_over_many_batches_and_restarts(harness: LogHarness) -> None:
    for count in (1, 254, 1, 1, 700, 3):
        await harness.add_pending(count)
        await harness.run(harness.sequencer(max_batch=200))
        await harness.check()
    assert await harness.live_leaves() == list(range(1, 961))


async def test_leaves_are_in_no_order(harness: LogHarness) -> None:
    """From the order of the leaves one could tell who came right after whom."""
    people = await harness.add_pending(200)
    await harness.run()
    found = await harness.mappings.find_mappings(
        [Query(each.x_id, None) for each in people], harness.clock.now()
    )
    by_x = [each.leaf for each in sorted(found, key=lambda each: each.x_id.value if each.x_id else 0)]
    assert sorted(by_x, key=lambda leaf: leaf or 0) != by_x


async def test_what_is_withdrawn_is_revoked_and_then_erased(harness: LogHarness) -> None:
    await harness.add_pending(20)
    await harness.run()
    await harness.withdraw([3, 7])
    assert await harness.live_leaves() == [n for n in range(1, 21) if n not in {3, 7}]
    assert len(await harness.fetch("SELECT FROM log_statement")) == 20
    assert await harness.run() == 2
    assert (await harness.check()).checkpoint.size == 23
    assert len(await harness.fetch("SELECT FROM log_statement")) == 18
    assert await harness.fetch("SELECT FROM mapping WHERE state = 2") == []


async def test_withdrawn_between_staging_and_publishing(harness: LogHarness) -> None:
    """It has a leaf by then: deleted without a revoke, it would stay in the log for ever as a live one."""
    await harness.add_pending(3)
    sequencer = harness.sequencer()
    async with harness.database.connection() as connection:
        await sequencer._stage(connection)
    await harness.withdraw([2])
    await harness.run()
    await harness.check()
    assert await harness.live_leaves() == [1, 3]
    assert len(await harness.fetch("SELECT FROM log_statement")) == 2


async def test_what_no_log_can_say_keeps_nobody_waiting(harness: LogHarness) -> None:
    await harness.add_pending(3)
    async with harness.database.connection() as connection:
        await connection.execute("UPDATE mapping SET strength = 1 WHERE x_handle = 'person1'")
    assert await harness.run() == 3
    await harness.check()
    assert await harness.live_leaves() == [1, 2]
    assert await harness.fetch("SELECT FROM mapping WHERE x_handle = 'person1'") == []


async def test_a_batch_is_encoded_in_pieces(harness: LogHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """A last piece that is full or not, one that nothing can be said of, and a batch that ends within a piece."""
    monkeypatch.setattr("federation.own_log.encoding.PIECE", 2)
    await harness.add_pending(8)
    async with harness.database.connection() as connection:
        await connection.execute("UPDATE mapping SET strength = 1 WHERE x_handle IN ('person2', 'person3')")
        sequencer = harness.sequencer(5)
        assert await sequencer.run_once(connection) == 1 + 3
        assert await sequencer.run_once(connection) == 3
        assert await sequencer.run_once(connection) == 0
    assert await harness.live_leaves() == [1, 2, 3, 4, 5, 6]
    await harness.check()


async def test_another_origin_is_not_ours_to_say(harness: LogHarness) -> None:
    await harness.add_pending(2)
    async with harness.database.connection() as connection:
        await connection.execute("UPDATE origin SET name = 'two.example/log'")
    assert await harness.run() == 1
    assert await harness.live_leaves() == []


async def test_two_sequencers_at_once_never_fork(harness: LogHarness) -> None:
    """Two processes that both believe that they lead: an advisory lock ends with its connection."""
    one, two = harness.sequencer(50), harness.sequencer(50)
    await harness.add_pending(120)
    async with harness.database.connection() as first, harness.database.connection() as second:
        await one._stage(first)
        await two._finish(second)
        await two._stage(second)
        await one._sign(first, await harness.state())
        await two.run_once(second)
        await one.run_once(first)
    await harness.check()
    assert len(await harness.live_leaves()) == 120


async def test_a_database_from_a_backup_is_not_signed_again(harness: LogHarness) -> None:
    """Restored and gone on with, it would sign other roots for sizes that peers have seen."""
    await harness.add_pending(5)
    await harness.run()
    mark = harness.keys.path / MARK_FILE
    later = mark.read_text().replace("\n6\n", "\n7\n")
    mark.write_text(later)
    await harness.add_pending(5)
    with pytest.raises(LogRefused, match="older than what this instance has signed"):
        await harness.run()
    async with harness.database.connection() as connection:
        with pytest.raises(LogRefused, match="backup"):
            await harness.sequencer().check(connection)
    assert read_own_checkpoint((await harness.state()).signed or b"").size == 6


async def test_an_emptied_database_is_not_begun_again(harness: LogHarness) -> None:
    await harness.run()
    async with harness.database.connection() as connection:
        await connection.execute("TRUNCATE log_state, log_tile, log_statement, log_revoke, log_operations")
    with pytest.raises(LogRefused, match="backup"):
        await harness.run()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("DELETE FROM log_state", "checkpoint is missing"),
        ("UPDATE log_state SET origin = 'two.example/log'", "this instance is"),
        ("UPDATE log_state SET staged_size = staged_size + 1", "not the tree|missing|too short"),
        ("UPDATE log_state SET staged_size = 3", "older than"),
        ("UPDATE log_state SET staged_root = sha256('x')", "another tree"),
        ("UPDATE log_state SET published_size = 99", "more of the log"),
        ("UPDATE log_state SET signed = 'x'", "is not one"),
        ("DELETE FROM log_tile WHERE place >= 281474976710656", "missing"),
        ("DELETE FROM log_tile WHERE place < 281474976710656", "entry bundle"),
        ("UPDATE log_tile SET data = sha256('x') || substr(data, 33) WHERE place >= 281474976710656", "lead"),
        ("UPDATE log_tile SET data = data || 'x'", "length|short"),
        ("UPDATE log_statement SET leaf = 6 WHERE leaf = 5", "beyond"),
        ("UPDATE log_operations SET note = 'x'", "operations"),
        ("DELETE FROM log_operations", "by a key"),
    ],
)
async def test_nothing_is_signed_on_doubt(harness: LogHarness, damage: str, said: str) -> None:
    await harness.add_pending(5)
    await harness.run()
    async with harness.database.connection() as connection:
        await connection.execute(damage)
        with pytest.raises(LogRefused, match=said):
            await harness.sequencer().check(connection)


async def test_nothing_is_signed_with_other_keys(harness: LogHarness, tmp_path: Path) -> None:
    await harness.run()
    (harness.keys.path / "log.key").rename(tmp_path / "log.key")
    async with harness.database.connection() as connection:
        with pytest.raises(MissingKeys):
            await harness.sequencer().check(connection)
        other = LogHarness(harness.database, tmp_path / "other", harness.clock)
        with pytest.raises(LogRefused, match="not in the folder"):
            await other.sequencer().check(connection)


async def test_a_clock_that_was_set_back_stops_the_log(harness: LogHarness) -> None:
    await harness.run()
    harness.clock.advance(seconds=-50)
    await harness.add_pending(1)
    await harness.run()
    harness.clock.advance(hours=-1)
    await harness.add_pending(1)
    with pytest.raises(LogRefused, match="clock"):
        await harness.run()
    async with harness.database.connection() as connection:
        with pytest.raises(LogRefused, match="clock"):
            await harness.sequencer().check(connection)
    harness.clock.advance(hours=2)
    assert await harness.run() == 1
    await harness.check()


async def test_what_has_run_out_is_not_said(harness: LogHarness) -> None:
    await harness.add_pending(1)
    harness.clock.advance(days=181)
    assert await harness.run() == 1
