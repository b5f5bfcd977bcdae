import asyncio
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from directory.store.database import Database
from federation.errors import (
    InvalidOperations,
    LogEmpty,
    LogRefused,
    MissingKeys,
    RecoveryNotConfirmed,
    UnsafeKeys,
)
from federation.fsck.findings import Fault
from federation.fsck.run import check_database_log
from federation.keys.chain import MAX_ORDINARY, MIN_BETWEEN_S, open_chain, sign_operations
from federation.keys.documents import find_in_force, load_documents
from federation.keys.instance import MAX_LOG_KEYS, KeyFolder, ShowRecoveryKey
from federation.keys.operations import MAX_OPERATIONS_BYTES, RightTree
from federation.keys.overview import Standing, overview_of
from federation.keys.own_keys import OtherKeys, check_keys, record_keys
from federation.keys.rotate import KeyRotation, Recovered, RotationTooEarly
from federation.own_log.clock_recovery import recover_clock
from federation.own_log.confirming import confirm, find_confirmable
from federation.own_log.high_water import MissingMark
from federation.own_log.reader import LogService
from federation.own_log.recovery import find_right_tree
from federation.store.log import LogStore
from federation.store.log_rows import fetch_operation_notes, insert_operations
from federation.tlog.checkpoint import LogTrust, open_checkpoint, sign_checkpoint
from federation.tlog.keys import KeyKind, PrivateKey, VerifierKey
from federation.tlog.note import NoteVerifier
from tests.federation.log_harness import ORIGIN, LogHarness
from tests.federation.tlog.naive import naive_root
from tests.harness.clock import FakeClock


@pytest.fixture
def harness(database: Database, tmp_path: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, tmp_path / "data", clock)


@pytest.fixture
def rotation(harness: LogHarness) -> KeyRotation:
    return KeyRotation(harness.database, harness.keys, harness.clock)


async def recover(
    harness: LogHarness, recovery: PrivateKey, show: ShowRecoveryKey | None = None
) -> Recovered:
    rotation = KeyRotation(harness.database, harness.keys, harness.clock)
    return await rotation.recover(recovery, await harness.right_tree(), show)


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
    with pytest.raises(RotationTooEarly, match="can be announced from"):
        await rotation.rotate()
    assert len(harness.keys.read().logs) == 1
    harness.clock.advance(hours=1)
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
    rotated = await recover(harness, harness.recovery)
    await harness.add_pending(3)
    async with harness.database.connection() as connection:
        await harness.sequencer().check(connection)
    await harness.run()
    assert await signers(harness) == {rotated.document.log_key}
    assert old != rotated.document.log_key
    assert len(await harness.live_leaves()) == 6

    with pytest.raises(InvalidOperations):
        await recover(harness, harness.recovery)
    await recover(harness, rotated.recovery)
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
        await recover(harness, PrivateKey.generate("one.example/recovery", KeyKind.NOTE))
    assert not harness.keys.exists(), "another key makes nothing"
    assert harness.recovery is not None
    rotated = await recover(harness, harness.recovery)
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
        await recover(harness, PrivateKey.generate("one.example/recovery", KeyKind.NOTE))
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
    rotated = await recover(harness, harness.recovery)
    async with harness.database.connection() as connection:
        await harness.sequencer().check(connection)
    await harness.run()
    assert (await harness.check()).checkpoint.size == 1 + 3 + 4 + 1 + 2
    await harness.check_history()
    assert await signers(harness) == {rotated.document.log_key}
    async with harness.database.connection() as connection:
        await harness.sequencer().check(connection)


async def test_a_key_that_is_lost_before_anything_was_ever_signed(harness: LogHarness) -> None:
    """The log is begun and staged, and nothing of it published: what is staged is right."""
    await stage(harness)
    (harness.keys.path / "log.key").unlink()
    assert harness.recovery is not None
    recovered = await recover(harness, harness.recovery)
    assert recovered.document.right_tree is not None
    assert recovered.document.right_tree.size == 1
    await harness.run()
    await harness.check()
    assert await signers(harness) == {recovered.document.log_key}


async def test_a_key_that_is_lost_while_its_rotation_waits(
    harness: LogHarness, rotation: KeyRotation
) -> None:
    """The announcement waits for a checkpoint that nobody can sign: the recovery takes its place."""
    await harness.run()
    harness.clock.advance(hours=1)
    await rotation.rotate()
    for path in harness.keys.path.glob("log*.key"):
        path.unlink()
    assert harness.recovery is not None
    await recover(harness, harness.recovery)
    rotated = await recover(harness, harness.recovery)
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
    harness.clock.advance(hours=1)
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
    rotated = await recover(harness, harness.recovery)
    await harness.add_pending(2)
    await harness.run()
    await harness.check()
    assert await signers(harness) == {rotated.document.log_key}
    async with harness.database.connection() as connection:
        await harness.sequencer().check(connection)


async def test_all_that_can_refuse_comes_before_the_next_recovery_key(
    harness: LogHarness, rotation: KeyRotation
) -> None:
    """What happened: the document was stored, then something refused, and the key that it named was never shown."""
    shown: list[PrivateKey] = []

    def show(recovery: PrivateKey) -> bool:
        shown.append(recovery)
        return True

    assert harness.recovery is not None
    with pytest.raises(LogEmpty):
        await recover(harness, harness.recovery, show)
    await harness.run()
    with pytest.raises(InvalidOperations):
        await recover(harness, PrivateKey.generate("one.example/recovery", KeyKind.NOTE), show)
    peer = harness.keys.path / "peer.key"
    peer.write_bytes(b"damaged\n" + (kept := peer.read_bytes()))
    with pytest.raises(UnsafeKeys):
        await recover(harness, harness.recovery, show)
    peer.write_bytes(kept)
    assert (shown, len(harness.keys.read().logs)) == ([], 1)
    recovered = await recover(harness, harness.recovery, show)
    assert (shown, recovered.kept_in) == ([recovered.recovery], None)
    assert harness.keys.list_recovery_keys() == []


async def test_a_recovery_key_that_is_not_confirmed_changes_nothing(
    harness: LogHarness, rotation: KeyRotation
) -> None:
    """Attack by accident: the terminal closes before the key was written down."""
    await harness.run()

    async def all_documents() -> list[bytes]:
        async with harness.database.connection() as connection:
            return [note for note, _ in await fetch_operation_notes(connection)]

    def refuse(recovery: PrivateKey) -> bool:
        raise RecoveryNotConfirmed("no")

    assert harness.recovery is not None
    before = await all_documents()
    with pytest.raises(RecoveryNotConfirmed):
        await recover(harness, harness.recovery, refuse)
    assert await all_documents() == before
    assert len(harness.keys.read().logs) == 1
    await recover(harness, harness.recovery, lambda recovery: True)


async def test_without_a_terminal_the_key_is_in_a_file_and_none_that_may_be_in_force_is_replaced(
    harness: LogHarness, rotation: KeyRotation
) -> None:
    """Attack by accident: the operator left the recovery key on the machine, and the next one was written over it
    before the document that names the next one was stored."""
    await harness.run()
    recovery = harness.recovery
    for _ in range(3):
        assert recovery is not None
        before = {path: path.read_text() for path in harness.keys.list_recovery_keys()}
        recovered = await recover(harness, recovery)
        recovery = recovered.recovery
        assert recovered.kept_in is not None
        assert recovered.kept_in.read_text() == recovery.reveal() + "\n"
        assert {path: path.read_text() for path in before} == before
    assert len(harness.keys.list_recovery_keys()) == 3


async def test_the_key_of_a_recovery_that_still_waits_is_as_good_as_the_former_one(
    harness: LogHarness, rotation: KeyRotation
) -> None:
    """Attack by accident: the recovery was stored and its process ended. The operator was told to keep the new key, and
    has burnt the former one."""
    await harness.run()
    assert harness.recovery is not None
    waiting = await recover(harness, harness.recovery)
    again = await recover(harness, waiting.recovery)
    assert again.document.number == waiting.document.number + 1
    await harness.add_pending(2)
    await harness.run()
    await harness.check()
    assert await signers(harness) == {again.document.log_key}


async def test_of_two_recoveries_at_once_one_is_refused(
    harness: LogHarness, rotation: KeyRotation, dsn: str
) -> None:
    """The key that the other operator was shown must not be made void by a recovery that did not know of it."""
    await harness.run()
    assert harness.recovery is not None
    recovery, right = harness.recovery, await harness.right_tree()

    async def recover_elsewhere() -> Recovered:
        database = await Database.connect(dsn, max_connections=1)
        try:
            return await KeyRotation(database, harness.keys, harness.clock).recover(
                recovery, right, lambda _: True
            )
        finally:
            await database.close()

    found: list[Recovered] = []

    def meanwhile(_recovery: PrivateKey) -> bool:
        with ThreadPoolExecutor(1) as other:
            found.append(other.submit(lambda: asyncio.run(recover_elsewhere())).result())
        return True

    with pytest.raises(LogRefused, match="at the same time"):
        await recover(harness, recovery, meanwhile)
    await harness.run()
    assert await signers(harness) == {found[0].document.log_key}
    await recover(harness, found[0].recovery)


async def test_a_key_that_was_rotated_under_a_clock_that_ran_ahead(
    harness: LogHarness, rotation: KeyRotation
) -> None:
    """What happened: one reading of a wrong clock, and the documents could not go on before that time came. The
    document is not in force until then; the former key signs beside the announced one, and a recovery takes it back."""
    await harness.run()
    old = harness.keys.read().logs[0].vkey
    harness.clock.advance(days=400)
    announced = (await rotation.rotate()).document
    await harness.run()
    harness.clock.advance(days=-400)
    await set_clock_right(harness)
    assert announced.next_key is not None
    assert announced.issued > harness.clock.now().timestamp()

    await harness.add_pending(2)
    await harness.run()
    await harness.check()
    assert await signers(harness) == {old, announced.next_key}
    with pytest.raises(RotationTooEarly) as refused:
        await rotation.rotate()
    assert "passerelle keys recover" in refused.value.mend
    service = LogService(LogStore(harness.database), harness.clock)
    assert service.document_in_force(await service.documents()).number == 0
    async with harness.database.connection() as connection:
        overview = overview_of(await load_documents(connection), harness.clock.now())
    assert overview is not None
    assert overview.log_keys == ((old, Standing.IN_POWER), (announced.next_key, Standing.TO_COME))

    assert harness.recovery is not None
    recovered = await recover(harness, harness.recovery)
    assert recovered.document.issued == int(harness.clock.now().timestamp())
    await harness.add_pending(2)
    await harness.run()
    await harness.check()
    assert await signers(harness) >= {recovered.document.log_key}
    async with harness.database.connection() as connection:
        in_force_now = find_in_force(await load_documents(connection), harness.clock.now())
        overview = overview_of(await load_documents(connection), harness.clock.now())
    assert in_force_now == recovered.document
    assert service.document_in_force(await service.documents()) == recovered.document
    assert overview is not None
    assert overview.log_keys[0] == (recovered.document.log_key, Standing.IN_POWER)
    assert set(overview.log_keys[1:]) == {(old, Standing.RETIRED), (announced.next_key, Standing.RETIRED)}
    assert overview.to_come == ()
    harness.clock.advance(hours=1)
    await rotation.rotate()
    await harness.run()
    await harness.check()


async def test_a_recovery_under_a_clock_that_ran_ahead_is_taken_back_by_the_next_one(
    harness: LogHarness,
) -> None:
    await harness.run()
    assert harness.recovery is not None
    (harness.keys.path / "log.key").unlink()
    harness.clock.advance(days=400)
    first = await recover(harness, harness.recovery)
    await harness.run()
    harness.clock.advance(days=-400)
    await set_clock_right(harness)
    second = await recover(harness, first.recovery)
    await harness.add_pending(2)
    await harness.run()
    await harness.check()
    assert await signers(harness) == {second.document.log_key}


async def set_clock_right(harness: LogHarness) -> None:
    """Does what `passerelle recover --clock` does, once the clock is right again."""
    async with harness.database.connection() as connection:
        await recover_clock(connection, ORIGIN, harness.clock)


async def test_a_thief_who_fills_the_documents_keeps_nobody_from_recovering(
    harness: LogHarness, rotation: KeyRotation
) -> None:
    """Attack: 1,000 documents by the stolen log key, so that the recovery would be the one too many."""
    await harness.run()
    key = harness.keys.read().logs[0]
    async with harness.database.transaction() as connection:
        ((document, _),) = await load_documents(connection)
        for number in range(1, MAX_ORDINARY + 1):
            issued = document.issued + MIN_BETWEEN_S
            document = replace(document, number=number, previous=document.digest, issued=issued)
            await insert_operations(connection, number, bytes(sign_operations(document, [key])))
    harness.clock.advance(days=60)
    await harness.run()
    with pytest.raises(LogRefused, match="since the last recovery"):
        await rotation.rotate()
    assert harness.recovery is not None
    recovered = await recover(harness, harness.recovery)
    await harness.run()
    await harness.check()
    assert await signers(harness) == {recovered.document.log_key}


async def test_a_thief_who_fills_a_document_keeps_nobody_from_recovering(harness: LogHarness) -> None:
    """Attack: the stolen log key signs a document of nearly 8,000 bytes, and the recovery, which took all of it over and
    says more, was too long to be made. A policy of the thief's stayed as well."""
    await harness.run()
    key = harness.keys.read().logs[0]
    async with harness.database.transaction() as connection:
        ((first, _),) = await load_documents(connection)
        issued = first.issued + MIN_BETWEEN_S
        theirs = replace(first, number=1, previous=first.digest, issued=issued, policy=(("validity_s", 1),))
        theirs = replace(
            theirs, ext=tuple((f"{letter}{'a' * 10}", "x" * 480) for letter in "abcdefghijklmno")
        )
        assert MAX_OPERATIONS_BYTES - 200 < len(theirs.text) <= MAX_OPERATIONS_BYTES
        await insert_operations(connection, 1, bytes(sign_operations(theirs, [key])))
    harness.clock.advance(hours=1)
    await harness.run()
    assert harness.recovery is not None
    recovered = await recover(harness, harness.recovery)
    assert (recovered.document.ext, recovered.document.policy) == ((), first.policy)
    await harness.run()
    await harness.check()
    assert await signers(harness) == {recovered.document.log_key}


@pytest.mark.parametrize("size", [None, 257, 256])
async def test_no_recovery_names_a_root_that_damaged_tiles_lead_to(
    harness: LogHarness, size: int | None
) -> None:
    """Attack by accident: one wrong bit in a tile. The recovery named a root that the log never had, so that no reader
    followed it; and the recovery key was used up."""
    await harness.add_pending(300)
    await harness.run()
    async with harness.database.connection() as connection:
        await connection.execute(
            "UPDATE log_tile SET data = set_bit(data, 1, 1 - get_bit(data, 1)) WHERE place >= 1::bigint << 48"
        )
        with pytest.raises(LogRefused, match="do not lead to its root"):
            await find_right_tree(connection, ORIGIN, harness.clock.now(), size)


async def test_no_recovery_key_is_used_up_on_an_older_database(harness: LogHarness) -> None:
    """Attack by accident: a database from a backup. Its recovery was stored where nothing is ever signed, and the next
    recovery key that the operator wrote down served nothing."""
    await harness.add_pending(3)
    await harness.run()
    mark = harness.keys.path / "signed.checkpoint"
    mark.write_text(mark.read_text().replace("\n4\n", "\n7\n"))
    with pytest.raises(LogRefused, match="older than what this instance has signed"):
        await harness.right_tree()


@pytest.mark.parametrize("name", ["witness.key", "peer.key", "recovery.fingerprint"])
async def test_recovery_does_not_send_the_operator_back_to_itself(harness: LogHarness, name: str) -> None:
    """What happened: beside a missing file it refused, with the advice to run the same command."""
    await harness.run()
    (harness.keys.path / name).unlink()
    assert harness.recovery is not None
    with pytest.raises(MissingKeys) as refused:
        await recover(harness, harness.recovery)
    assert "the whole folder" in refused.value.mend


async def test_no_key_is_made_that_would_not_be_read(harness: LogHarness, rotation: KeyRotation) -> None:
    """Attack by accident: rotations that were broken off left a file each. Beyond a hundred some were not read, perhaps the
    one in power; and a recovery ended after its next recovery key was handed over."""
    await harness.run()
    while len(harness.keys.read().logs) < MAX_LOG_KEYS:
        harness.keys.add_log_key(ORIGIN)
    harness.clock.advance(hours=1)
    shown: list[PrivateKey] = []

    def show(recovery: PrivateKey) -> bool:
        shown.append(recovery)
        return True

    assert harness.recovery is not None
    for change in (rotation.rotate(), recover(harness, harness.recovery, show)):
        with pytest.raises(UnsafeKeys, match="no room") as refused:
            await change
        assert "retired" in refused.value.mend
    assert shown == []
    await harness.add_pending(1)
    assert await harness.run() == 1
    copied = harness.keys.path / "log-copied.key"
    shutil.copyfile(harness.keys.path / "log.key", copied)
    copied.chmod(0o600)
    with pytest.raises(UnsafeKeys, match="more than 100"):
        harness.keys.read()


async def test_a_recovery_names_the_tree_up_to_which_the_log_was_right(harness: LogHarness) -> None:
    """fsck finds a root that the log never had, and a size that is not before the document."""
    await harness.add_pending(300)
    await harness.run()
    async with harness.database.connection() as connection:
        for size in (0, 302):
            with pytest.raises(LogRefused, match="leaves: the size"):
                await find_right_tree(connection, ORIGIN, harness.clock.now(), size)
        right = await find_right_tree(connection, ORIGIN, harness.clock.now(), 257)
    entries = await harness.entries()
    assert right == RightTree(257, naive_root(entries[:257]))
    assert await harness.right_tree() == RightTree(301, naive_root(entries))
    rotation = KeyRotation(harness.database, harness.keys, harness.clock)
    recovery = harness.recovery
    for tree, faults in (
        (right, []),
        (replace(right, root=bytes(32)), [Fault.WRONG_RECOVERY]),
        (replace(right, size=10_000), [Fault.WRONG_RECOVERY] * 2),
    ):
        assert recovery is not None
        recovery = (await rotation.recover(recovery, tree)).recovery
        await harness.run()
        keys = [key.vkey for key in harness.keys.read().logs]
        report = await check_database_log(harness.database, checkpoint_keys=keys)
        assert [finding.fault for finding in report.findings] == faults


async def test_a_checkpoint_by_a_retired_key_is_found(harness: LogHarness, rotation: KeyRotation) -> None:
    """Attack: the stolen key, which a recovery has taken out of power, signs in place of the new one."""
    await harness.run()
    old = harness.keys.read().logs[0]
    assert harness.recovery is not None
    await recover(harness, harness.recovery)
    await harness.run()
    await harness.check()
    state = await harness.state()
    forged = bytes(sign_checkpoint(state.staged, [old]))
    async with harness.database.connection() as connection:
        await connection.execute("UPDATE log_state SET signed = $1, published = $1", forged)
    keys = [key.vkey for key in harness.keys.read().logs]
    report = await check_database_log(harness.database, checkpoint_keys=keys, now=harness.clock.now())
    assert {finding.fault for finding in report.findings} == {Fault.WRONG_STATE}
