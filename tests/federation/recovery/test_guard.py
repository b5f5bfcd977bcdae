"""What peers show before anything is signed: when it stops the log, and when it counts for nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from directory.queries import Query
from directory.store.database import Database
from directory.store.mappings import MappingStore
from federation.errors import LogRefused
from federation.keys.instance import MARK_FILE
from federation.keys.rotate import KeyRotation
from federation.own_log import sequencer_task as sequencing
from federation.own_log.sequencer import Sequencer
from federation.own_log.sequencer_task import SequencerTask
from federation.recovery.guard import PeerGuard
from federation.store.doubt import find_doubt
from federation.tlog.checkpoint import Checkpoint, sign_checkpoint
from tests.federation.log_harness import ORIGIN, LogHarness
from tests.federation.recovery.kept_copy import KeptCopy, keep
from tests.federation.recovery.restoring import back_up, restore
from tests.harness.clock import FakeClock


@pytest.fixture
def harness(database: Database, folder: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, folder / "data", clock)


def guarded(harness: LogHarness, *copies: KeptCopy) -> Sequencer:
    @asynccontextmanager
    async def open_copies(addresses: Sequence[str]) -> AsyncIterator[list[KeptCopy]]:
        yield [copy for copy in copies if copy.address in addresses]

    return Sequencer(harness.keys, ORIGIN, harness.clock, guard=PeerGuard(open_copies, harness.clock))


async def confirm(harness: LogHarness, *copies: KeptCopy) -> None:
    async with harness.database.connection() as connection:
        for number, copy in enumerate(copies):
            await connection.execute(
                "INSERT INTO peer (origin, address, first_key, confirmed_at) VALUES ($1, $2, '', $3)",
                f"peer{number}.example/log",
                copy.address,
                harness.clock.now(),
            )


async def check(harness: LogHarness, *copies: KeptCopy) -> None:
    async with harness.database.connection() as connection:
        await guarded(harness, *copies).check(connection)


async def grow(harness: LogHarness, count: int = 3) -> None:
    await harness.add_pending(count)
    await harness.run()


async def test_a_snapshot_of_all_is_found_out_by_one_peer(harness: LogHarness) -> None:
    """Attack by accident: the database and the mark are set back together. One peer does not answer, one is behind, and
    one has seen more: the log stops, and everybody is told."""
    await grow(harness)
    mark = harness.keys.path / MARK_FILE
    backup, before = await back_up(harness), mark.read_bytes()
    behind = await keep(harness, "https://behind.example")
    await grow(harness)
    ahead = await keep(harness, "https://ahead.example")
    down = replace(ahead, address="https://down.example", is_down=True)
    await restore(harness, backup)
    mark.write_bytes(before)
    await confirm(harness, down, behind, ahead)
    await check(harness, down, behind)
    task = SequencerTask(harness.database, guarded(harness, down, behind, ahead))
    assert await task._try() == sequencing.DOUBT_S
    assert task.doubt is not None
    assert "https://ahead.example has seen 7 leaves of this log" in task.doubt
    async with harness.database.connection() as connection:
        doubt = await find_doubt(connection)
    assert doubt is not None
    assert doubt.reason == task.doubt


async def stale_and_hidden(harness: LogHarness) -> tuple[bool, bool]:
    """Whether what our own log says is followed unseen by nobody, and whether it answers at all."""
    found = await MappingStore(harness.database).find_mappings([Query.parse("@person0")], harness.clock.now())
    return any(each.is_stale for each in found), not found


async def test_what_a_restored_database_says_is_followed_unseen_by_nobody(harness: LogHarness) -> None:
    """Who left since the backup was followed again by whoever sent a list, until the operator ran the recovery."""
    await grow(harness)
    backup = await back_up(harness)
    await grow(harness)
    whole = await back_up(harness)
    await restore(harness, backup)
    task = SequencerTask(harness.database, harness.sequencer())
    assert await stale_and_hidden(harness) == (False, False)
    for _ in range(2):
        assert await task._try() == sequencing.DOUBT_S
        assert await stale_and_hidden(harness) == (True, False)
    harness.clock.advance(days=7)
    await task._try()
    assert await stale_and_hidden(harness) == (False, True), "as what a peer says that was silent for so long"
    await restore(harness, whole)
    await harness.fetch("UPDATE origin SET heard_at = now() - interval '9 years'")
    work = asyncio.create_task(task.run())
    async with asyncio.timeout(30):
        while await stale_and_hidden(harness) != (False, False):  # noqa: ASYNC110 - what it waits for is in the database
            await asyncio.sleep(0.01)
    task.stop()
    await work


async def test_a_peer_is_asked_again_while_the_log_is_led(
    harness: LogHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack by accident: the peer that knew more was away when the process started."""
    await grow(harness)
    mark = harness.keys.path / MARK_FILE
    backup, before = await back_up(harness), mark.read_bytes()
    await grow(harness)
    ahead = await keep(harness)
    ahead.is_down = True
    await restore(harness, backup)
    mark.write_bytes(before)
    await confirm(harness, ahead)
    monkeypatch.setattr(sequencing, "CHECK_EVERY_S", 0.0)
    monkeypatch.setattr(sequencing, "BATCH_EVERY_S", 0.01)

    def come_back() -> None:
        ahead.is_down = len(ahead.asked) < 3

    ahead.on_ask = come_back
    task = SequencerTask(harness.database, guarded(harness, ahead))
    await task._try()
    assert len(ahead.asked) == 3
    assert task.doubt is not None


async def test_another_tree_of_a_size_that_we_hold_stops_the_log(harness: LogHarness) -> None:
    """Attack: a thief of the key, or a clone of the machine, has had another tree cosigned."""
    await grow(harness)
    key = harness.keys.read().logs[0]
    other = replace(await keep(harness), note=bytes(sign_checkpoint(Checkpoint(ORIGIN, 3, bytes(32)), [key])))
    await confirm(harness, other)
    with pytest.raises(LogRefused, match="another tree of 3 leaves"):
        await check(harness, other)


async def test_what_a_retired_key_has_signed_stops_nothing(harness: LogHarness) -> None:
    """Attack: a peer that has a key which the operator has recovered from, stolen, shows a large tree of its own, so that
    the log stops for ever."""
    await grow(harness)
    stolen = harness.keys.read().logs[0]
    note = bytes(sign_checkpoint(Checkpoint(ORIGIN, 1_000, bytes(32)), [stolen]))
    liar = replace(await keep(harness), note=note)
    await confirm(harness, liar)
    with pytest.raises(LogRefused, match="has seen 1,000 leaves"):
        await check(harness, liar)

    assert harness.recovery is not None
    rotation = KeyRotation(harness.database, harness.keys, harness.clock)
    await rotation.recover(harness.recovery, await harness.right_tree())
    await check(harness, liar)
    await harness.run()
    await check(harness, liar)


@pytest.mark.parametrize("note", [None, b"", b"nonsense", b"x" * 100_000])
async def test_nonsense_counts_for_nothing(harness: LogHarness, note: bytes | None) -> None:
    await grow(harness)
    liar = replace(await keep(harness), note=note)
    await confirm(harness, liar)
    await check(harness, liar)


async def test_an_unconfirmed_peer_is_not_asked(harness: LogHarness) -> None:
    await grow(harness)
    backup = await back_up(harness)
    mark = harness.keys.path / MARK_FILE
    before = mark.read_bytes()
    await grow(harness)
    ahead = await keep(harness)
    await restore(harness, backup)
    mark.write_bytes(before)
    await confirm(harness, ahead)
    async with harness.database.connection() as connection:
        await connection.execute("UPDATE peer SET confirmed_at = NULL")
    await check(harness, ahead)
    assert ahead.asked == []
