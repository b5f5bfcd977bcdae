import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from directory.store.database import Database
from federation.errors import InvalidOperations, LogEmpty, LogRefused, MissingKeys
from federation.keys.chain import open_chain
from federation.keys.instance import KeyFolder
from federation.keys.own_keys import OtherKeys, check_keys, record_keys
from federation.keys.rotate import KeyRotation, RotationTooEarly
from federation.own_log.confirming import confirm, find_confirmable
from federation.own_log.high_water import MissingMark
from federation.store.log_rows import fetch_operation_notes
from federation.tlog.checkpoint import LogTrust, open_checkpoint
from federation.tlog.keys import KeyKind, PrivateKey, VerifierKey
from federation.tlog.note import NoteVerifier
from tests.federation.log_harness import ORIGIN, LogHarness
from tests.harness.clock import FakeClock


@pytest.fixture
def harness(database: Database, tmp_path: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, tmp_path / "data", clock)


@pytest.fixture
def rotation(harness: LogHarness) -> KeyRotation:
    return KeyRotation(harness.database, harness.keys, harness.clock)


async def signers(harness: LogHarness) -> set[VerifierKey]:
    """Returns the log keys that have signed the last checkpoint."""
    published = (await harness.state()).published or b""
    keys = [key.vkey for key in harness.keys.read().logs]
    opened = open_checkpoint(published, LogTrust(ORIGIN, tuple(map(NoteVerifier, keys))))
    ids = {line.key_id for line in opened.log_signatures}
    return {key for key in keys if key.key_id in ids}


async def test_a_log_must_be_begun_before_its_key_changes(rotation: KeyRotation) -> None:
    with pytest.raises(LogEmpty):
        await rotation.rotate()


async def test_a_new_key_is_announced_and_takes_over(harness: LogHarness, rotation: KeyRotation) -> None:
    await harness.run()
    old = harness.keys.read().logs[0].vkey
    announced = await rotation.rotate()
    new = announced.document.next_key
    assert new is not None
    assert announced.can_switch == harness.clock.now() + timedelta(days=7)
    with pytest.raises(LogRefused, match="waits"):
        await rotation.rotate()
    await harness.run()
    await harness.check()
    assert await signers(harness) == {old, new}

    harness.clock.advance(days=6)
    with pytest.raises(RotationTooEarly):
        await rotation.rotate()
    harness.clock.advance(days=1)
    await rotation.rotate()
    await harness.run()
    assert await signers(harness) == {old, new}
    await harness.check()

    (harness.keys.path / "log.key").unlink()
    await harness.add_pending(2)
    await harness.run()
    assert await signers(harness) == {new}
    async with harness.database.connection() as connection:
        await harness.sequencer().check(connection)
        notes = [note for note, _ in await fetch_operation_notes(connection)]
    assert len(open_chain(notes, old)) == 3


async def test_a_lost_key_is_replaced_by_the_recovery_key(harness: LogHarness, rotation: KeyRotation) -> None:
    await harness.add_pending(3)
    await harness.run()
    old = harness.keys.read().logs[0].vkey
    (harness.keys.path / "log.key").unlink()
    assert harness.recovery is not None
    rotated = await rotation.recover(harness.recovery)
    await harness.add_pending(3)
    async with harness.database.connection() as connection:
        await harness.sequencer().check(connection)
    await harness.run()
    assert await signers(harness) == {rotated.document.log_key}
    assert old != rotated.document.log_key
    assert len(await harness.live_leaves()) == 6

    with pytest.raises(InvalidOperations):
        await rotation.recover(harness.recovery)
    assert rotated.recovery is not None
    await rotation.recover(rotated.recovery)
    await harness.run()


async def test_a_folder_that_is_lost_wholly_is_made_anew_by_recovery(
    harness: LogHarness, rotation: KeyRotation
) -> None:
    """Every start is refused meanwhile; the document names all the new keys, and the database knows them."""
    await harness.add_pending(2)
    await harness.run()
    async with harness.database.transaction() as connection:
        await check_keys(connection, harness.keys)
        await record_keys(connection, harness.keys, harness.clock.now())
    before = harness.keys.read()
    shutil.rmtree(harness.keys.path)
    async with harness.database.connection() as connection:
        with pytest.raises(OtherKeys, match="there are no keys"):
            await check_keys(connection, harness.keys)
    with pytest.raises(InvalidOperations):
        await rotation.recover(PrivateKey.generate("one.example/recovery", KeyKind.NOTE))
    assert not harness.keys.exists(), "another key makes nothing"
    assert harness.recovery is not None
    rotated = await rotation.recover(harness.recovery)
    keys = harness.keys.read()
    assert (rotated.document.log_key, rotated.document.witness_key, rotated.document.peer_key) == (
        keys.logs[0].vkey,
        keys.witness.vkey,
        keys.peer.public_key,
    )
    assert keys.witness.vkey != before.witness.vkey
    async with harness.database.connection() as connection:
        await check_keys(connection, harness.keys)
    await harness.add_pending(2)
    async with harness.database.connection() as connection:
        # The mark went with the folder: only the operator knows whether this database holds all that was signed.
        with pytest.raises(MissingMark):
            await harness.run()
        await confirm(connection, harness.keys, await find_confirmable(connection, harness.keys, 3))
    await harness.run()
    await harness.check()
    assert await signers(harness) == {keys.logs[0].vkey}
    assert len(await harness.live_leaves()) == 4


async def test_the_keys_of_another_instance_rotate_nothing(
    harness: LogHarness, tmp_path: Path, clock: FakeClock
) -> None:
    """Run on the wrong machine, it must not leave a key there either."""
    await harness.run()
    foreign = KeyFolder(tmp_path / "foreign")
    for _ in range(2):
        with pytest.raises(OtherKeys):
            await KeyRotation(harness.database, foreign, clock).rotate()
        foreign.make("one.example")
    assert len(foreign.read().logs) == 1


async def test_another_key_recovers_nothing(harness: LogHarness, rotation: KeyRotation) -> None:
    await harness.run()
    with pytest.raises(InvalidOperations):
        await rotation.recover(PrivateKey.generate("one.example/recovery", KeyKind.NOTE))
    assert await harness.run() == 0
    assert len(harness.keys.read().logs) == 1


async def stage(harness: LogHarness) -> None:
    """Stages a batch: durable, and not signed."""
    async with harness.database.connection() as connection:
        assert await harness.sequencer()._stage(connection)


async def test_a_key_that_is_lost_between_staging_and_signing(
    harness: LogHarness, rotation: KeyRotation
) -> None:
    """What is staged cannot be signed by the old key any more, and the document that names the new one comes after
    it: both are signed together."""
    await harness.add_pending(3)
    await harness.run()
    await harness.add_pending(4)
    await stage(harness)
    (harness.keys.path / "log.key").unlink()
    await harness.add_pending(2)
    with pytest.raises(MissingKeys):
        await harness.run()
    async with harness.database.connection() as connection:
        with pytest.raises(MissingKeys, match="missing"):
            await harness.sequencer().check(connection)
    assert harness.recovery is not None
    rotated = await rotation.recover(harness.recovery)
    async with harness.database.connection() as connection:
        await harness.sequencer().check(connection)
    await harness.run()
    assert (await harness.check()).checkpoint.size == 1 + 3 + 4 + 1 + 2
    await harness.check_history()
    assert await signers(harness) == {rotated.document.log_key}
    async with harness.database.connection() as connection:
        await harness.sequencer().check(connection)


async def test_a_key_that_is_lost_while_its_rotation_waits(
    harness: LogHarness, rotation: KeyRotation
) -> None:
    """The announcement waits for a checkpoint that nobody can sign: the recovery takes its place."""
    await harness.run()
    await rotation.rotate()
    for path in harness.keys.path.glob("log*.key"):
        path.unlink()
    assert harness.recovery is not None
    await rotation.recover(harness.recovery)
    rotated = await rotation.recover(harness.recovery)
    await harness.add_pending(2)
    await harness.run()
    await harness.check()
    assert await signers(harness) == {rotated.document.log_key}
    assert len(await harness.fetch("SELECT FROM log_operations")) == 2


async def test_a_key_that_is_lost_before_its_switch_is_signed(
    harness: LogHarness, rotation: KeyRotation
) -> None:
    """A switch needs the key that goes once more; a recovery on top of it does not."""
    await harness.run()
    await rotation.rotate()
    await harness.run()
    harness.clock.advance(days=7)
    await rotation.rotate()
    await stage(harness)
    (harness.keys.path / "log.key").unlink()
    with pytest.raises(LogRefused, match="must sign once more") as refused:
        await harness.run()
    assert "passerelle keys recover" in refused.value.mend
    assert harness.recovery is not None
    rotated = await rotation.recover(harness.recovery)
    await harness.add_pending(2)
    await harness.run()
    await harness.check()
    assert await signers(harness) == {rotated.document.log_key}
    async with harness.database.connection() as connection:
        await harness.sequencer().check(connection)
