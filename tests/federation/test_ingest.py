"""What the log has published comes into the answers from its bodies, in bounded steps."""

from pathlib import Path

import pytest

from directory.store.database import Database
from federation.ingest import ingest_own_leaves
from tests.federation.log_harness import ORIGIN, LogHarness
from tests.harness.clock import FakeClock


@pytest.fixture
def harness(database: Database, tmp_path: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, tmp_path / "data", clock)


async def test_much_to_catch_up_with_is_taken_in_step_by_step(
    harness: LogHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log of millions whose answers are to be made anew must not be read into memory at once."""
    monkeypatch.setattr("federation.ingest.MAX_TAKEN_IN", 2)
    await harness.add_pending(5)
    sequencer = harness.sequencer()
    async with harness.database.connection() as connection:
        assert await sequencer.run_once(connection) == 6
        assert (await harness.live_leaves(), (await harness.state()).ingested_size) == ([1, 2], 3)
        assert await sequencer.run_once(connection) == 0
        assert (await harness.live_leaves(), (await harness.state()).ingested_size) == ([1, 2, 3, 4], 5)
    await harness.run()
    assert (await harness.live_leaves(), (await harness.state()).ingested_size) == ([1, 2, 3, 4, 5], 6)
    await harness.check()


async def test_no_piece_of_a_batch_is_left_out(harness: LogHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one piece is taken in, the next is parsed: the last one, and one that cannot be read, end like the others."""
    monkeypatch.setattr("federation.ingest.PIECE", 2)
    await harness.add_pending(7)
    sequencer = harness.sequencer()
    async with harness.database.connection() as connection:
        await sequencer._stage(connection)
        await connection.execute("UPDATE log_statement SET body = '{}' WHERE leaf = 4")
    await harness.run()
    assert await harness.live_leaves() == [1, 2, 3, 5, 6, 7]
    arrivals = await harness.fetch("SELECT next_leaf, end_leaf FROM arrival ORDER BY next_leaf")
    covered = {leaf for row in arrivals for leaf in range(row["next_leaf"], row["end_leaf"])}
    assert covered >= {1, 2, 3, 5, 6, 7}


async def test_whole_pieces_that_follow_each_other_are_one_arrival(
    harness: LogHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("federation.ingest.PIECE", 2)
    await harness.add_pending(6)
    await harness.run()
    rows = await harness.fetch("SELECT next_leaf, end_leaf FROM arrival")
    assert rows == [{"next_leaf": 1, "end_leaf": 7}]


async def test_a_body_that_cannot_be_read_says_nothing_and_holds_nobody_up(harness: LogHarness) -> None:
    await harness.add_pending(3)
    sequencer = harness.sequencer()
    async with harness.database.connection() as connection:
        await sequencer._stage(connection)
        await connection.execute("UPDATE log_statement SET body = '{}' WHERE leaf = 2")
    await harness.run()
    assert await harness.live_leaves() == [1, 3]


async def test_taking_in_again_from_the_first_leaf_changes_nothing(harness: LogHarness) -> None:
    await harness.add_pending(3)
    await harness.run()
    await harness.withdraw([2])
    await harness.run()
    before = await harness.fetch("SELECT ctid::text, leaf, state FROM mapping ORDER BY leaf")
    size = (await harness.state()).published_size
    async with harness.database.transaction() as connection:
        assert await ingest_own_leaves(connection, ORIGIN, range(size), harness.clock.now()) == size
    assert await harness.fetch("SELECT ctid::text, leaf, state FROM mapping ORDER BY leaf") == before
    await harness.check()


async def test_what_nobody_could_read_is_not_signed(harness: LogHarness) -> None:
    """A row that was damaged, or written before a rule was made stricter: its leaf would be there for ever, and say nothing."""
    await harness.add_pending(3)
    await harness.fetch("UPDATE mapping SET target_handle = 'Two_Words' WHERE id = 2")
    harness.made -= 1
    await harness.run()
    assert await harness.fetch("SELECT id FROM mapping ORDER BY id") == [{"id": 1}, {"id": 3}]
    assert ((await harness.state()).published_size, await harness.live_leaves()) == (3, [1, 2])
    await harness.check()


async def test_what_answers_is_what_the_log_holds_to_the_byte(harness: LogHarness) -> None:
    """Whoever has staged a batch knows what its bodies say, and believes that only of the same bytes."""
    await harness.add_pending(2)
    sequencer = harness.sequencer()
    async with harness.database.connection() as connection:
        await sequencer._stage(connection)
        await connection.execute(
            "UPDATE log_statement SET body = replace(convert_from(body, 'UTF8'), '\"handle\":\"person', '\"handle\":\"parson')::bytea"
            " WHERE leaf = 2"
        )
    assert sequencer._worded.keys() == {1, 2}
    await harness.run(sequencer)
    names = await harness.fetch("SELECT left(x_handle, 6) AS name FROM mapping ORDER BY leaf")
    assert [row["name"] for row in names] == ["person", "parson"]
    assert sequencer._worded == {}
