"""Our witness: what it cosigns, what it refuses, and that it never takes anything back."""

import asyncio
from hashlib import sha256
from pathlib import Path

import pytest

from directory.origins import Standing
from directory.store.database import Database
from federation.errors import (
    InvalidAddCheckpoint,
    InvalidCheckpoint,
    InvalidProof,
    OtherSize,
    UnknownLog,
    UntrustedNote,
    WitnessWaits,
)
from federation.keys.equivocation import open_evidence
from federation.keys.evidence import Evidence
from federation.keys.instance import WITNESS_FILE, KeyFolder
from federation.protocol.add_checkpoint import MAX_PROOF_LINES, AddCheckpoint
from federation.store.peer_evidence import list_forks
from federation.store.witnessed import Witnessed, fetch_witnessed, reset_witnessed_times
from federation.tlog.checkpoint import Checkpoint, LogTrust, open_checkpoint, sign_checkpoint
from federation.tlog.cosignature import CosignatureVerifier, parse_time
from federation.tlog.keys import KeyKind, PrivateKey
from federation.tlog.merkle import EMPTY_ROOT
from federation.tlog.note import Note, NoteVerifier, Signature, parse_note, parse_signatures
from federation.tlog.text import encode_base64
from federation.witness.cosigning import Witness
from tests.harness.clock import FakeClock
from tests.harness.known_log import PeerLog, confirm_peer, hold_documents, seed, standing_of

HOST = "own.example"


@pytest.fixture
def log() -> PeerLog:
    return PeerLog()


@pytest.fixture
def keys(tmp_path: Path) -> KeyFolder:
    folder = KeyFolder(tmp_path / "data")
    folder.make(HOST)
    return folder


@pytest.fixture
async def witness(database: Database, keys: KeyFolder, log: PeerLog, clock: FakeClock) -> Witness:
    await confirm_peer(database, log)
    return Witness(database, keys, clock)


async def kept(database: Database, log: PeerLog) -> Witnessed | None:
    async with database.connection() as connection:
        return await fetch_witnessed(connection, log.origin)


async def evidence(database: Database, log: PeerLog) -> list[Evidence]:
    async with database.connection() as connection:
        return [Evidence.parse(each.fork.file) for each in await list_forks(connection, log.origin)]


def check_line(keys: KeyFolder, checkpoint: Checkpoint, answer: bytes) -> int:
    """Checks that an answer is our cosignature on a checkpoint. Returns its time."""
    (line,) = parse_signatures(answer)
    verifier = CosignatureVerifier(keys.read().witness.vkey)
    assert (line.name, line.key_id) == (verifier.vkey.name, verifier.vkey.key_id)
    assert verifier.is_valid(str(checkpoint).encode(), line.payload)
    return parse_time(line.payload)


async def test_a_log_that_only_grows_is_cosigned(
    witness: Witness, keys: KeyFolder, log: PeerLog, clock: FakeClock
) -> None:
    for old, size in ((0, 0), (0, 1), (1, 2), (2, 100), (100, 100), (100, 257), (257, 600)):
        clock.advance(seconds=61)
        answer = await witness.add_checkpoint(log.request(old, size))
        assert check_line(keys, log.checkpoint(size), answer) == int(clock.now().timestamp())


async def test_what_was_cosigned_is_shown_with_our_line(
    witness: Witness, keys: KeyFolder, log: PeerLog, clock: FakeClock
) -> None:
    digest = sha256(log.origin.encode()).digest()
    with pytest.raises(UnknownLog):
        await witness.latest(digest)
    await witness.add_checkpoint(log.request(0, 7))
    witness_key = CosignatureVerifier(keys.read().witness.vkey)
    trust = LogTrust(log.origin, (NoteVerifier(log.key.vkey),), (witness_key,), quorum=1)
    assert open_checkpoint(await witness.latest(digest), trust).checkpoint == log.checkpoint(7)


@pytest.mark.parametrize(
    ("old", "size"),
    [(0, 300), (100, 300), (299, 300), (200, 200)],
    ids=["nothing", "less", "almost", "the same again"],
)
async def test_another_old_size_is_told_the_right_one(
    witness: Witness, database: Database, log: PeerLog, old: int, size: int
) -> None:
    """Replay: a checkpoint of before, which was cosigned once, is not cosigned as the newest again."""
    await witness.add_checkpoint(log.request(0, 200))
    await witness.add_checkpoint(log.request(200, 250))
    before = await kept(database, log)
    with pytest.raises(OtherSize) as told:
        await witness.add_checkpoint(log.request(old, size))
    assert told.value.size == 250
    assert await kept(database, log) == before


async def test_an_old_size_above_the_checkpoint_is_no_request(witness: Witness, log: PeerLog) -> None:
    """Attack: with the right old size, a smaller tree that has a valid signature."""
    await witness.add_checkpoint(log.request(0, 300))
    with pytest.raises(InvalidAddCheckpoint, match="larger"):
        await witness.add_checkpoint(log.request(300, 200))


async def test_a_wrong_proof_is_refused(witness: Witness, database: Database, log: PeerLog) -> None:
    await witness.add_checkpoint(log.request(0, 150))
    before = await kept(database, log)
    proof = log.proof(150, 300)
    for wrong in (
        (),
        proof[:-1],
        (*proof, proof[0]),
        proof[::-1],
        log.proof(150, 300, "other"),
        log.proof(149, 300),
    ):
        with pytest.raises(InvalidProof):
            await witness.add_checkpoint(log.request(150, 300, proof=wrong))
    assert await kept(database, log) == before
    await witness.add_checkpoint(log.request(150, 300))


async def test_a_fork_with_its_own_proof_is_refused(witness: Witness, log: PeerLog) -> None:
    """Attack: the other tree is consistent with itself, and the old size is right."""
    await witness.add_checkpoint(log.request(0, 150))
    with pytest.raises(InvalidProof):
        await witness.add_checkpoint(log.request(150, 300, "other"))


@pytest.mark.parametrize("proof", [(b"x" * 32,), (EMPTY_ROOT,)])
async def test_nothing_is_proven_from_nothing(
    witness: Witness, log: PeerLog, proof: tuple[bytes, ...]
) -> None:
    with pytest.raises(InvalidProof):
        await witness.add_checkpoint(log.request(0, 5, proof=proof))


async def test_an_empty_tree_has_one_root(witness: Witness, database: Database, log: PeerLog) -> None:
    note = sign_checkpoint(Checkpoint(log.origin, 0, b"x" * 32), [log.key])
    with pytest.raises(InvalidProof):
        await witness.add_checkpoint(log.request(0, 0, note=bytes(note)))
    assert await kept(database, log) is None
    await witness.add_checkpoint(log.request(0, 0))
    await witness.add_checkpoint(log.request(0, 5))
    with pytest.raises(InvalidProof):
        await witness.add_checkpoint(log.request(0, 0, note=bytes(note)))
    assert await standing_of(database, log.origin) is Standing.FROZEN, "it contradicts all that it signs"


async def test_two_at_once_do_not_both_win(
    witness: Witness, database: Database, keys: KeyFolder, log: PeerLog, clock: FakeClock
) -> None:
    """Attack: two checkpoints that both follow from the last one; the later writer would roll the other back."""
    for old, sizes in ((0, (100, 200)), (200, (300, 250))):
        if old:
            known = await kept(database, log)
            assert known is not None
            old = known.size  # noqa: PLW2901 - whichever has won
        other = Witness(database, keys, clock)
        answers = await asyncio.gather(
            witness.add_checkpoint(log.request(old, sizes[0])),
            other.add_checkpoint(log.request(old, sizes[1])),
            return_exceptions=True,
        )
        lost = [answer for answer in answers if isinstance(answer, OtherSize)]
        assert len(lost) == 1
        known = await kept(database, log)
        assert known is not None
        assert lost[0].size == known.size


async def test_what_was_stored_counts_though_nobody_got_the_answer(
    witness: Witness, database: Database, keys: KeyFolder, log: PeerLog, clock: FakeClock
) -> None:
    """Killed between the store and the answer: the log is told the size, and gets the line for it."""
    await witness.add_checkpoint(log.request(0, 200))
    restarted = Witness(database, keys, clock)
    with pytest.raises(OtherSize) as told:
        await restarted.add_checkpoint(log.request(0, 200))
    answer = await restarted.add_checkpoint(log.request(told.value.size, 200))
    check_line(keys, log.checkpoint(200), answer)


async def test_it_is_stored_before_it_is_answered(witness: Witness, database: Database, log: PeerLog) -> None:
    """A database that fails at the store: nothing is answered, so that no line is out of which nothing is known."""
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE peer_witnessed ADD CHECK (size < 100)")
    with pytest.raises(Exception, match="check constraint"):
        await witness.add_checkpoint(log.request(0, 200))
    assert await kept(database, log) is None


@pytest.mark.parametrize("standing", [Standing.SUSPENDED, Standing.FROZEN])
async def test_a_log_that_is_not_dealt_with_is_unknown(
    database: Database, keys: KeyFolder, log: PeerLog, clock: FakeClock, standing: Standing
) -> None:
    await confirm_peer(database, log, standing=standing)
    with pytest.raises(UnknownLog):
        await Witness(database, keys, clock).add_checkpoint(log.request(0, 5))


async def test_a_log_that_nobody_confirmed_is_unknown(
    witness: Witness, database: Database, log: PeerLog
) -> None:
    with pytest.raises(UnknownLog):
        await witness.add_checkpoint(PeerLog("stranger.example", 10).request(0, 5))
    async with database.connection() as connection:
        await connection.execute("UPDATE peer SET confirmed_at = NULL")
    with pytest.raises(UnknownLog):
        await witness.add_checkpoint(log.request(0, 5))


async def test_only_a_key_of_the_log_opens_its_checkpoint(witness: Witness, log: PeerLog) -> None:
    stranger = log.log_key("stranger")
    with pytest.raises(UntrustedNote):
        await witness.add_checkpoint(log.request(0, 5, note=bytes(log.note(5, "entry", stranger))))
    with pytest.raises(UntrustedNote):
        await witness.add_checkpoint(log.request(0, 5, note=_with_false_line(log)))


def _with_false_line(log: PeerLog) -> bytes:
    """A line of the log's own key that is false beside one of a stranger: a known line that fails."""
    note = log.note(5, "entry", log.log_key("stranger"))
    return bytes(note.signed_also([Signature(log.origin, log.key.vkey.key_id, b"x" * 64)]))


async def test_another_peers_key_is_none_of_this_log(
    witness: Witness, database: Database, log: PeerLog
) -> None:
    """Attack: a confirmed peer signs a checkpoint of another peer's origin, with its own valid key under its own name."""
    other = PeerLog("other.example", 10)
    await confirm_peer(database, other)
    note = Note(str(log.checkpoint(5)), other.note(5).signatures)
    with pytest.raises(UntrustedNote):
        await witness.add_checkpoint(log.request(0, 5, note=bytes(note)))


async def test_a_key_with_the_same_name_and_id_does_not_pass(witness: Witness, log: PeerLog) -> None:
    """Attack: a key id is four bytes, and a key with the same ones can be made. Its line is known, and false."""
    note = Note(
        str(log.checkpoint(5)),
        tuple(
            Signature(log.origin, log.key.vkey.key_id, line.payload)
            for line in log.note(5, "entry", log.log_key("stranger")).signatures
        ),
    )
    with pytest.raises(UntrustedNote, match="wrong"):
        await witness.add_checkpoint(log.request(0, 5, note=bytes(note)))


async def test_a_forged_line_under_our_own_name_stays_outside(
    witness: Witness, database: Database, keys: KeyFolder, log: PeerLog
) -> None:
    """Attack: the log sends a false line of our witness. It must not be stored, nor shown as ours."""
    ours = keys.read().witness.vkey
    forged = Signature(ours.name, ours.key_id, b"\0" * 72)
    note = log.note(5).signed_also([forged, Signature("x.example/witness", b"abcd", b"\0" * 72)])
    answer = await witness.add_checkpoint(log.request(0, 5, note=bytes(note)))
    check_line(keys, log.checkpoint(5), answer)
    known = await kept(database, log)
    assert known is not None
    assert [line.name for line in parse_note(known.note).signatures] == [log.origin]
    shown = await witness.latest(sha256(log.origin.encode()).digest())
    assert str(forged).encode() not in shown


async def test_a_hundred_signatures_and_no_more(witness: Witness, log: PeerLog) -> None:
    many = [Signature(f"w{number}.example/witness", b"abcd", b"\0" * 72) for number in range(100)]
    full = log.note(5).signed_also(many[:99])
    await witness.add_checkpoint(log.request(0, 5, note=bytes(full)))
    overfull = bytes(full) + f"{many[99]}\n".encode()
    with pytest.raises(InvalidCheckpoint, match="1 to 100"):
        await witness.add_checkpoint(log.request(5, 5, note=overfull))


async def test_a_fork_that_comes_in_is_evidence(witness: Witness, database: Database, log: PeerLog) -> None:
    """The same size with another root, under the log's valid signature, whatever old size it comes with."""
    other = PeerLog("other.example", 10)
    await confirm_peer(database, other)
    await witness.add_checkpoint(log.request(0, 200))
    with pytest.raises(InvalidProof, match="another tree"):
        await witness.add_checkpoint(log.request(0, 200, "other"))
    (found,) = await evidence(database, log)
    assert open_evidence(found, [log.documents[0].log_key]).is_proven
    assert await standing_of(database, log.origin) is Standing.FROZEN
    async with database.connection() as connection:
        told = await connection.fetch("SELECT origin FROM peer_delivery")
    assert [row["origin"] for row in told] == [other.origin]
    with pytest.raises(UnknownLog):
        await witness.add_checkpoint(log.request(200, 201))


async def test_a_fork_against_what_was_read_is_evidence(
    witness: Witness, database: Database, log: PeerLog
) -> None:
    """Attack: a log shows its readers one tree and its witnesses another: this instance is both."""
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE peer_log SET size = 200, root = $1, note = $2", log.root(200), bytes(log.note(200))
        )
    with pytest.raises(InvalidProof, match="another tree"):
        await witness.add_checkpoint(log.request(0, 200, "other"))
    assert len(await evidence(database, log)) == 1


async def test_no_earlier_time_is_signed(
    witness: Witness, database: Database, log: PeerLog, clock: FakeClock
) -> None:
    await witness.add_checkpoint(log.request(0, 100))
    before = await kept(database, log)
    clock.advance(seconds=-2)
    with pytest.raises(WitnessWaits, match="behind"):
        await witness.add_checkpoint(log.request(100, 200))
    assert await kept(database, log) == before
    clock.advance(seconds=2)
    await witness.add_checkpoint(log.request(100, 200))


async def test_a_clock_that_ran_ahead_blocks_until_its_operator_says_so(
    witness: Witness, database: Database, keys: KeyFolder, log: PeerLog, clock: FakeClock
) -> None:
    """The tree stays what was cosigned; only the time, which no reader has believed, is taken back."""
    clock.advance(days=400)
    await witness.add_checkpoint(log.request(0, 200))
    clock.advance(days=-400)
    with pytest.raises(WitnessWaits):
        await witness.add_checkpoint(log.request(200, 200))
    async with database.connection() as connection:
        assert await reset_witnessed_times(connection, clock.now()) == 1
    clock.advance(seconds=1)
    with pytest.raises(OtherSize):
        await witness.add_checkpoint(log.request(0, 100))
    check_line(keys, log.checkpoint(300), await witness.add_checkpoint(log.request(200, 300)))


async def test_a_new_witness_key_signs_what_follows(
    witness: Witness, keys: KeyFolder, log: PeerLog, clock: FakeClock
) -> None:
    await witness.add_checkpoint(log.request(0, 100))
    fresh = PrivateKey(f"{HOST}/witness", KeyKind.COSIGNATURE, seed("another witness"))
    (keys.path / WITNESS_FILE).write_text(fresh.reveal() + "\n")
    clock.advance(minutes=10)
    answer = await witness.add_checkpoint(log.request(100, 100))
    assert fresh.vkey.key_id in parse_signatures(answer)[0].key_id
    check_line(keys, log.checkpoint(100), answer)


async def test_without_a_witness_key_nothing_is_cosigned(
    witness: Witness, database: Database, keys: KeyFolder, log: PeerLog
) -> None:
    (keys.path / WITNESS_FILE).unlink()
    with pytest.raises(WitnessWaits, match="no witness key"):
        await witness.add_checkpoint(log.request(0, 100))
    assert await kept(database, log) is None


async def test_keys_follow_the_documents_that_are_held(
    witness: Witness, database: Database, log: PeerLog, clock: FakeClock
) -> None:
    old = log.key
    new = log.announce()
    both = bytes(log.note(100, "entry", new))
    with pytest.raises(UntrustedNote):
        await witness.add_checkpoint(log.request(0, 100, note=both))
    await hold_documents(database, log)
    await witness.add_checkpoint(log.request(0, 100, note=both))
    log.switch(new)
    await hold_documents(database, log)
    with pytest.raises(UntrustedNote):
        await witness.add_checkpoint(log.request(100, 200, note=bytes(log.note(200, "entry", old))))
    await witness.add_checkpoint(log.request(100, 200))
    clock.advance(seconds=1)


async def test_a_retired_key_freezes_nobody(witness: Witness, database: Database, log: PeerLog) -> None:
    """Attack: who has stolen a key that is long out of power signs another tree of an old size with it. The checkpoint is
    not opened at all."""
    stolen = log.key
    log.switch(log.announce())
    await hold_documents(database, log)
    await witness.add_checkpoint(log.request(0, 200))
    with pytest.raises(UntrustedNote):
        await witness.add_checkpoint(log.request(0, 200, note=bytes(log.note(200, "other", stolen))))
    assert await evidence(database, log) == []


async def test_a_thiefs_tree_is_given_up_at_the_recovery(
    witness: Witness, database: Database, keys: KeyFolder, log: PeerLog, clock: FakeClock
) -> None:
    """A thief had its tree of 300 cosigned. The recovery says that the log was right up to 100, and goes on from there; the
    thief's key opens nothing any more, and no smaller tree of the new key is ever cosigned."""
    thief = log.key
    await witness.add_checkpoint(log.request(0, 300, "other"))
    log.recover(100)
    await hold_documents(database, log, found=1)
    with pytest.raises(UntrustedNote):
        await witness.add_checkpoint(log.request(300, 400, note=bytes(log.note(400, "other", thief))))
    with pytest.raises(OtherSize) as told:
        await witness.add_checkpoint(log.request(0, 200))
    assert told.value.size == 300, "until the entry of the recovery was read"
    await hold_documents(database, log)
    with pytest.raises(OtherSize) as told:
        await witness.add_checkpoint(log.request(0, 200))
    assert told.value.size == 100
    clock.advance(seconds=1)
    check_line(keys, log.checkpoint(250), await witness.add_checkpoint(log.request(100, 250)))
    with pytest.raises(OtherSize) as told:
        await witness.add_checkpoint(log.request(100, 200))
    assert told.value.size == 250
    assert await standing_of(database, log.origin) is Standing.FOLLOWING


async def test_a_thiefs_smaller_tree_is_given_up_as_well(
    witness: Witness, database: Database, keys: KeyFolder, log: PeerLog, clock: FakeClock
) -> None:
    """A thief had its tree of 150 cosigned, and the log was right up to 300: nothing leads from the one to the other, and
    the log could never be cosigned again."""
    await witness.add_checkpoint(log.request(0, 150, "other"))
    log.recover(300)
    await hold_documents(database, log)
    with pytest.raises(OtherSize) as told:
        await witness.add_checkpoint(log.request(150, 400))
    assert told.value.size == 300
    clock.advance(seconds=1)
    check_line(keys, log.checkpoint(400), await witness.add_checkpoint(log.request(300, 400)))


async def test_a_rotation_after_a_recovery_takes_nothing_back(
    witness: Witness, database: Database, log: PeerLog, clock: FakeClock
) -> None:
    """Attack: the key that the recovery named has been rotated away, and the log points to the old recovery to have another
    tree cosigned."""
    log.recover(120)
    await hold_documents(database, log)
    await witness.add_checkpoint(log.request(0, 200))
    log.switch(log.announce())
    await hold_documents(database, log)
    clock.advance(seconds=1)
    with pytest.raises(OtherSize) as told:
        await witness.add_checkpoint(log.request(120, 300, "other"))
    assert told.value.size == 200
    await witness.add_checkpoint(log.request(200, 300))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"old 5",
        b"old 5\n",
        b"new 5\n\n",
        b"old -1\n\n",
        b"old 05\n\n",
        b"old +5\n\n",
        b"old 1_0\n\n",
        b"old  5\n\n",
        b"old 5 \n\n",
        b"old 9223372036854775808\n\n",
        "old \u0665\n\n".encode(),
        b"old 5\r\n\r\n",
        b"OLD 5\n\n",
        b"\xff\n\n",
        b"old 5\nAAAA\n\n",
        b"old 5\n" + encode_base64(b"x" * 33).encode() + b"\n\n",
        b"old 5\n" + encode_base64(b"x" * 32).encode() + b" \n\n",
        b"old 5\n" + (encode_base64(b"x" * 32).encode() + b"\n") * (MAX_PROOF_LINES + 1) + b"\n",
        b"old 5\n\n" + b"x" * 70_000,
    ],
)
def test_what_is_no_request(data: bytes) -> None:
    with pytest.raises(InvalidAddCheckpoint):
        AddCheckpoint.parse(data)


def test_a_request_is_read_as_it_is_written(log: PeerLog) -> None:
    full = AddCheckpoint(7, (b"x" * 32,) * MAX_PROOF_LINES, bytes(log.note(9)))
    for request in (full, AddCheckpoint(0, (), bytes(log.note(9)))):
        assert AddCheckpoint.parse(bytes(request)) == request
