"""The clock of a log: its own witness cosigns what is published, every ten minutes, changed or not."""

from datetime import timedelta
from pathlib import Path

import pytest

from directory.store.database import Database
from federation.errors import LogRefused
from federation.keys.instance import MARK_FILE
from federation.own_log.cosigning import COSIGN_EVERY
from federation.own_log.preconditions import WrongClock
from federation.own_log.reader import LATE_AFTER, LogService
from federation.store.cosignatures import Cosignature, find_cosignature
from federation.store.log import LogStore
from federation.tlog.checkpoint import (
    Checkpoint,
    LogTrust,
    SignedCheckpoint,
    open_checkpoint,
    sign_checkpoint,
)
from federation.tlog.cosignature import CosignatureVerifier, parse_time
from federation.tlog.keys import KeyKind, PrivateKey
from federation.tlog.note import NoteVerifier
from federation.tlog.proof import TlogProof
from tests.federation.log_harness import HOST, ORIGIN, LogHarness
from tests.harness.clock import FakeClock

WITNESS = f"{HOST}/witness"


@pytest.fixture
def harness(database: Database, tmp_path: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, tmp_path / "data", clock)


@pytest.fixture
def service(harness: LogHarness) -> LogService:
    return LogService(LogStore(harness.database), harness.clock)


def trust_of(harness: LogHarness) -> LogTrust:
    keys = harness.keys.read()
    verifier = CosignatureVerifier(keys.witness.vkey)
    return LogTrust(ORIGIN, (NoteVerifier(keys.logs[0].vkey),), (verifier,), quorum=1)


async def served(harness: LogHarness, service: LogService) -> SignedCheckpoint:
    """Opens what is served, which our own witness must have cosigned."""
    return open_checkpoint(await service.checkpoint(), trust_of(harness))


def time_of(signed: SignedCheckpoint) -> int:
    (line,) = signed.cosignatures
    return parse_time(line.payload)


async def cosignature(harness: LogHarness) -> Cosignature:
    async with harness.database.connection() as connection:
        found = await find_cosignature(connection, ORIGIN, WITNESS)
    assert found is not None
    return found


async def test_each_published_checkpoint_is_cosigned(harness: LogHarness, service: LogService) -> None:
    for count in (3, 2):
        await harness.add_pending(count)
        await harness.run()
        signed = await served(harness, service)
        assert time_of(signed) == int(harness.clock.now().timestamp())
        assert signed.checkpoint.size == (await harness.state()).published_size
        harness.clock.advance(seconds=5)
    await harness.check()
    assert len(await harness.fetch("SELECT FROM log_cosignature")) == 1, "the newest alone"


async def test_a_quiet_log_is_cosigned_again_in_ten_minutes(harness: LogHarness, service: LogService) -> None:
    """Without it a log that nobody writes to could not be told from one that is withheld."""
    await harness.run()
    first = await served(harness, service)
    for minutes, renewed in ((8, False), (2, True), (8, False)):
        before = time_of(await served(harness, service))
        harness.clock.advance(minutes=minutes)
        assert await harness.run() == 0
        assert (time_of(await served(harness, service)) > before) is renewed
    assert (await served(harness, service)).checkpoint == first.checkpoint
    assert timedelta(minutes=10) > COSIGN_EVERY


async def test_a_witness_line_makes_no_other_checkpoint(harness: LogHarness) -> None:
    """A witness's line in the published note made `is_published` false, and the log publish without end."""
    await harness.run()
    line = (await cosignature(harness)).line.encode() + b"\n"
    async with harness.database.connection() as connection:
        await connection.execute("UPDATE log_state SET published = published || $1", line)
    state = await harness.state()
    assert (state.published != state.signed, state.is_published) == (True, True)


async def test_the_signed_note_stays_as_it_was_signed(harness: LogHarness) -> None:
    await harness.run()
    state = await harness.state()
    assert state.published == state.signed
    assert b"/witness" not in (state.published or b"")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE log_cosignature SET line = line || 'A'",
        "UPDATE log_cosignature SET line = replace(line, ' ', '')",
        "UPDATE log_cosignature SET line = overlay(line PLACING 'AAAA' FROM 40)",
    ],
)
async def test_a_false_line_is_shown_to_nobody(harness: LogHarness, service: LogService, damage: str) -> None:
    """With a false line of a key that they know, readers refuse the note, whatever else it holds. It stops nothing else,
    and the next one takes its place."""
    await harness.run()
    async with harness.database.connection() as connection:
        await connection.execute(damage)
    assert await service.checkpoint() == (await harness.state()).signed
    harness.clock.advance(minutes=10)
    await harness.run()
    assert time_of(await served(harness, service)) == int(harness.clock.now().timestamp())


async def test_a_proof_to_keep_holds_the_time(harness: LogHarness, service: LogService) -> None:
    await harness.add_pending(3)
    await harness.run()
    proof = TlogProof.parse(await service.make_proof(2))
    opened = open_checkpoint(bytes(proof.note), trust_of(harness))
    assert time_of(opened) == int(harness.clock.now().timestamp())


async def test_a_clock_that_is_behind_signs_no_earlier_time(harness: LogHarness, service: LogService) -> None:
    """Corrected by a small step, it waits until it has caught up; what is published goes on meanwhile."""
    await harness.run()
    before = await cosignature(harness)
    harness.clock.advance(seconds=-30)
    await harness.add_pending(1)
    assert await harness.run() == 1
    assert await cosignature(harness) == before
    assert parse_size(await service.checkpoint()) == 2
    harness.clock.advance(seconds=31)
    await harness.run()
    assert time_of(await served(harness, service)) == int(harness.clock.now().timestamp())


def parse_size(note: bytes) -> int:
    return int(note.split(b"\n")[1])


async def test_a_clock_that_only_cosigned_while_it_ran_ahead_is_found_out(harness: LogHarness) -> None:
    """No batch was written under the wrong clock: the cosignature alone tells that it was wrong."""
    await harness.run()
    harness.clock.advance(days=400)
    await harness.run()
    harness.clock.advance(days=-400)
    await harness.add_pending(1)
    with pytest.raises(WrongClock, match="cosigned at") as refused:
        await harness.run()
    assert "--clock" in refused.value.mend


async def test_no_smaller_tree_is_cosigned_than_before(harness: LogHarness) -> None:
    """Attack: the database and the mark are set back together, as a snapshot of the machine does, but for this row."""
    await harness.add_pending(3)
    await harness.run()
    async with harness.database.connection() as connection:
        await connection.execute("UPDATE log_cosignature SET size = 9")
    harness.clock.advance(minutes=10)
    with pytest.raises(LogRefused, match="cosigned 9 leaves"):
        await harness.run()


@pytest.mark.parametrize("mark", [None, "\n5\n"])
async def test_only_what_is_marked_as_signed_is_cosigned(harness: LogHarness, mark: str | None) -> None:
    """A database from a backup, or one whose mark is lost: its old checkpoint must not be called the newest."""
    await harness.add_pending(3)
    await harness.run()
    before = await cosignature(harness)
    path = harness.keys.path / MARK_FILE
    if mark is None:
        path.unlink()
    else:
        path.write_text(path.read_text().replace("\n4\n", mark))
    harness.clock.advance(minutes=10)
    with pytest.raises(LogRefused, match="missing" if mark is None else "older than"):
        await harness.run()
    assert await cosignature(harness) == before


async def test_a_machine_that_takes_over_cosigns(harness: LogHarness, service: LogService) -> None:
    """Its own mark is older than what the other one has signed, and nothing is to be written: the log would seem dead."""
    await harness.run()
    path = harness.keys.path / MARK_FILE
    older = path.read_text()
    await harness.add_pending(3)
    await harness.run()
    path.write_text(older)
    harness.clock.advance(minutes=10)
    assert await harness.run() == 0
    assert time_of(await served(harness, service)) == int(harness.clock.now().timestamp())


async def test_the_mark_is_not_raised_to_what_the_log_did_not_sign(harness: LogHarness) -> None:
    """Attack: whoever can write to the database says that a million leaves were signed, while the log runs. The mark beside
    the keys said so from then on, and no true database was new enough any more."""
    await harness.run()
    mark = (harness.keys.path / MARK_FILE).read_text()
    invented = Checkpoint(ORIGIN, 1_000_000, bytes(32))
    note = bytes(sign_checkpoint(invented, [PrivateKey.generate(ORIGIN, KeyKind.NOTE)]))
    async with harness.database.connection() as connection:
        await connection.execute(
            "UPDATE log_state SET staged_size = $1, staged_root = $2, signed = $3, published = $3, published_size = $1,"
            " ingested_size = $1",
            invented.size,
            invented.root,
            note,
        )
    with pytest.raises(LogRefused, match="not by a key"):
        await harness.run()
    assert (harness.keys.path / MARK_FILE).read_text() == mark


async def test_a_note_that_the_log_did_not_sign_is_not_cosigned(harness: LogHarness) -> None:
    await harness.run()
    async with harness.database.connection() as connection:
        await connection.execute(
            "UPDATE log_state SET published = overlay(published PLACING 'A' FROM length(published) - 20)"
        )
    harness.clock.advance(minutes=10)
    with pytest.raises(LogRefused, match="not by a key"):
        await harness.run()


async def test_a_log_that_nobody_leads_waits(harness: LogHarness, service: LogService) -> None:
    """The process that publishes has died, and has told nobody."""
    assert await service.find_doubt(ORIGIN) is None
    await harness.run()
    assert await service.find_doubt(ORIGIN) is None
    since = harness.clock.now()
    harness.clock.advance(seconds=LATE_AFTER.total_seconds() + 1)
    doubt = await service.find_doubt(ORIGIN)
    assert doubt is not None
    assert (doubt.since, doubt.reason) == (since, "no process leads the log")
    await harness.run()
    assert await service.find_doubt(ORIGIN) is None


async def test_what_is_staged_is_signed_only_where_the_tiles_lead_to_it(harness: LogHarness) -> None:
    """Attack: whoever can write to the database exchanges the staged root between the two steps, and has a root signed
    of which nobody can show the leaves."""
    await harness.run()
    await harness.add_pending(3)
    sequencer = harness.sequencer()
    async with harness.database.connection() as connection:
        await sequencer._stage(connection)
        await connection.execute("UPDATE log_state SET staged_root = sha256('x')")
        with pytest.raises(LogRefused, match="do not lead to the root that was staged"):
            await sequencer.run_once(connection)
    assert (await harness.state()).signed_size == 1
    assert "\n1\n" in (harness.keys.path / MARK_FILE).read_text(), "the mark is not raised to it either"
