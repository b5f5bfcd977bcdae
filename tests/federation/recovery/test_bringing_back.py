"""A database that is older than what was signed, or was lost, gets its own log back from peers."""

from dataclasses import replace
from pathlib import Path

import pytest

from directory.store.database import Database
from federation.errors import LogRefused
from federation.keys.instance import MARK_FILE
from federation.recovery import gathering
from tests.federation.log_harness import LogHarness
from tests.federation.recovery.kept_copy import forging, keep
from tests.federation.recovery.restoring import back_up, lose, recover, restore
from tests.harness.clock import FakeClock


@pytest.fixture
def harness(database: Database, folder: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, folder / "data", clock)


async def grow(harness: LogHarness, count: int) -> None:
    await harness.add_pending(count)
    await harness.run()
    await harness.check()


async def test_a_backup_goes_on_where_the_log_was(harness: LogHarness) -> None:
    """Attack by accident: the backup of last night, gone on with, would fork."""
    await grow(harness, 5)
    backup = await back_up(harness)
    await grow(harness, 300)
    await harness.withdraw([2, 9, 200])
    await harness.run()
    await harness.check()
    answering = await harness.live_leaves()
    kept = await keep(harness)
    await restore(harness, backup)
    async with harness.database.connection() as connection:
        with pytest.raises(LogRefused, match="older than what this instance has signed"):
            await harness.sequencer().check(connection)
    recovered = await recover(harness, kept)
    assert (recovered.brought.entries, recovered.brought.lost) == (303, 0)
    await harness.check()
    assert await harness.live_leaves() == answering
    await grow(harness, 4)
    await harness.check_history()


async def test_a_lost_database_comes_back_whole(harness: LogHarness) -> None:
    await grow(harness, 600)
    await harness.withdraw([1, 2, 300])
    await harness.run()
    await harness.check()
    answering = await harness.live_leaves()
    kept = await keep(harness)
    await lose(harness)
    recovered = await recover(harness, kept)
    assert recovered.brought.entries == 604
    await harness.check()
    assert await harness.live_leaves() == answering
    await grow(harness, 4)
    await harness.check_history()


async def test_a_mark_that_is_lost_comes_back_with_the_log(harness: LogHarness) -> None:
    await grow(harness, 5)
    kept = await keep(harness)
    await lose(harness)
    (harness.keys.path / MARK_FILE).unlink()
    await recover(harness, kept)
    await grow(harness, 2)
    await harness.check_history()


async def test_a_peer_that_lies_is_passed_over(harness: LogHarness) -> None:
    """Attack: a peer serves entries that lead nowhere, bodies that were never said, or a checkpoint that nobody signed.
    Whatever it does, the log that comes back is the one that was signed."""
    await grow(harness, 5)
    backup = await back_up(harness)
    await grow(harness, 300)
    honest = await keep(harness)
    other = {leaf: (salt, body[:-1] + b" ") for leaf, (salt, body) in honest.bodies.items()}
    liars = [
        replace(honest, address="https://unsigned.example", note=b"x", asked=[]),
        replace(
            honest,
            address="https://larger.example",
            note=(honest.note or b"").replace(b"\n306\n", b"\n400\n"),
            asked=[],
        ),
        replace(forging(honest, 280), address="https://entries.example"),
        replace(honest, address="https://short.example", size=200, asked=[]),
        replace(honest, address="https://bodies.example", bodies=other, asked=[]),
        replace(honest, address="https://down.example", is_down=True, asked=[]),
    ]
    await restore(harness, backup)
    recovered = await recover(harness, *liars, honest)
    assert set(recovered.gathered.faults) >= {"https://entries.example", "https://short.example"}
    heard = {each.address: each.fault for each in recovered.outlook.heard if each.seen is None}
    assert heard.keys() == {"https://unsigned.example", "https://larger.example", "https://down.example"}
    assert recovered.brought.lost == 0
    await harness.check()
    await grow(harness, 3)
    await harness.check_history()


async def test_of_two_peers_the_one_that_has_seen_more_counts(harness: LogHarness) -> None:
    """Attack by accident: the peer that answers first is behind. To go on from what it has seen would fork."""
    await grow(harness, 5)
    backup = await back_up(harness)
    await grow(harness, 10)
    behind = await keep(harness, "https://behind.example")
    await grow(harness, 10)
    ahead = await keep(harness, "https://ahead.example")
    await restore(harness, backup)
    recovered = await recover(harness, behind, ahead)
    assert recovered.outlook.whole.size == 26
    await harness.check()
    await grow(harness, 1)
    await harness.check_history()


async def test_less_than_was_seen_is_never_gone_on_with(harness: LogHarness) -> None:
    """Attack by accident: one peer has cosigned all of it and kept no entries, and another has the entries up to a
    smaller size. The log stays as it is."""
    await grow(harness, 5)
    backup = await back_up(harness)
    await grow(harness, 10)
    behind = await keep(harness, "https://behind.example")
    await grow(harness, 10)
    witness = replace(await keep(harness, "https://witness.example"), size=0)
    await restore(harness, backup)
    with pytest.raises(LogRefused, match="no peer has all of their entries"):
        await recover(harness, behind, witness)
    assert (await harness.state()).signed_size == 6


async def test_the_mark_knows_more_than_the_peers(harness: LogHarness) -> None:
    """Attack by accident: the peers missed the last batch, and the mark says that it was signed."""
    await grow(harness, 5)
    backup = await back_up(harness)
    await grow(harness, 10)
    behind = await keep(harness)
    await grow(harness, 1)
    await restore(harness, backup)
    with pytest.raises(LogRefused, match="holds 16 leaves, and 17 were signed"):
        await recover(harness, behind)
    assert (await harness.state()).signed_size == 6


async def test_a_body_that_nobody_has_is_revoked(harness: LogHarness) -> None:
    """The invariant: a leaf that holds has its body served, or a revoke names it."""
    await grow(harness, 5)
    backup = await back_up(harness)
    await grow(harness, 5)
    kept = await keep(harness)
    one = replace(kept, address="https://one.example", bodies={7: kept.bodies[7]}, asked=[])
    two = replace(kept, address="https://two.example", bodies={8: kept.bodies[8]}, asked=[])
    await restore(harness, backup)
    recovered = await recover(harness, one, two)
    assert (recovered.gathered.lost, recovered.brought.lost) == ([6, 9, 10], 3)
    assert await harness.run() == 3
    await harness.check()
    assert await harness.live_leaves() == [1, 2, 3, 4, 5, 7, 8]
    await harness.check_history()


async def test_a_body_that_is_not_served_for_a_moment_is_not_lost(
    harness: LogHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack by accident: the only peer that has the bodies is busy at the wrong moment, and does not answer for a bundle of them.
    All 256 were taken for lost, and revoked for ever with the publications of their members."""
    monkeypatch.setattr(gathering, "FIRST_PAUSE_S", 0.0)
    await grow(harness, 5)
    backup = await back_up(harness)
    await grow(harness, 5)
    answering = await harness.live_leaves()
    kept = await keep(harness)

    def is_busy_at_first() -> None:
        kept.is_down = 0 < kept.asked.count("bodies 0") < gathering.TRIES

    kept.on_ask = is_busy_at_first
    await restore(harness, backup)
    recovered = await recover(harness, kept)
    assert (recovered.gathered.lost, recovered.gathered.faults) == ([], {})
    assert await harness.live_leaves() == answering


async def test_a_peer_that_does_not_answer_holds_nothing_up(
    harness: LogHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has the entries alone fails for each bundle of bodies: it is waited for once."""
    monkeypatch.setattr(gathering, "FIRST_PAUSE_S", 0.0)
    await grow(harness, 5)
    backup = await back_up(harness)
    await grow(harness, 600)
    answering = await harness.live_leaves()
    kept = await keep(harness)
    failing = replace(kept, address="https://failing.example", asked=[])

    def has_no_bodies() -> None:
        failing.is_down = failing.asked[-1].startswith("bodies")

    failing.on_ask = has_no_bodies
    await restore(harness, backup)
    recovered = await recover(harness, failing, kept)
    assert (recovered.gathered.lost, set(recovered.gathered.faults)) == ([], {failing.address})
    bodies = [asked for asked in failing.asked if asked.startswith("bodies")]
    assert bodies == ["bodies 0"] * gathering.TRIES + ["bodies 1", "bodies 2"]
    assert await harness.live_leaves() == answering


async def test_what_was_staged_and_never_signed_is_replaced(harness: LogHarness) -> None:
    """A backup between two steps of a batch: what was staged then was signed afterwards, and grew."""
    await grow(harness, 5)
    await harness.add_pending(3)
    await harness.withdraw([2])
    sequencer = harness.sequencer()
    async with harness.database.connection() as connection:
        await sequencer._stage(connection)
    backup = await back_up(harness)
    await grow(harness, 4)
    kept = await keep(harness)
    answering = await harness.live_leaves()
    await restore(harness, backup)
    await recover(harness, kept)
    await harness.check()
    assert await harness.live_leaves() == answering
    await grow(harness, 1)
    await harness.check_history()


async def test_what_was_staged_on_another_tree_waits_again(harness: LogHarness) -> None:
    """Attack by accident: a clone of the machine stages a batch of its own before its peers were asked. It was never
    signed, and what it held is published after what the others know; what was withdrawn in it revokes nobody else."""
    await grow(harness, 5)
    backup = await back_up(harness)
    mark = (harness.keys.path / MARK_FILE).read_bytes()
    await grow(harness, 4)
    kept = await keep(harness)
    newest = (harness.keys.path / MARK_FILE).read_bytes()
    await restore(harness, backup)
    (harness.keys.path / MARK_FILE).write_bytes(mark)
    await harness.add_pending(3)
    async with harness.database.connection() as connection:
        await harness.sequencer()._stage(connection)
    await harness.withdraw([7])
    (harness.keys.path / MARK_FILE).write_bytes(newest)
    await recover(harness, kept)
    assert await harness.live_leaves() == list(range(1, 10))
    assert await harness.run() == 2
    await harness.check()
    assert await harness.live_leaves() == list(range(1, 12))
