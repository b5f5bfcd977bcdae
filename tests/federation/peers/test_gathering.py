"""Two instances cosign each other's logs, over HTTP; and a database from a backup is found out by its witness."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from federation.errors import FederationError, LogRefused
from federation.keys.chain import parse_operations_note
from federation.keys.instance import MARK_FILE
from federation.own_log.sequencer import Sequencer
from federation.store.known import fetch_known
from federation.store.peer_chains import fetch_known_peers
from federation.store.witness_rounds import WitnessRounds, WitnessState
from federation.tlog.checkpoint import (
    Checkpoint,
    LogTrust,
    SignedCheckpoint,
    open_checkpoint,
    sign_checkpoint,
)
from federation.tlog.cosignature import CosignatureVerifier, cosign, parse_time
from federation.tlog.keys import KeyKind, PrivateKey
from federation.tlog.note import NoteVerifier
from federation.witness.answers import read_cosignature
from federation.witness.asking import Shown, ask_newest
from federation.witness.gathering import EVERY, Gathering
from tests.harness.clock import FakeClock
from tests.harness.known_log import PeerLog
from tests.harness.peers import PeerInstance


def gather(asking: PeerInstance) -> int:
    """Runs all rounds that are due. Returns how many."""
    running = asking.running
    gathering = Gathering(running.database, running.http, asking.keys, asking.origin, running.clock)

    async def run() -> int:
        count = 0
        while (claimed := await gathering.claim(())) is not None:
            await gathering.gather(claimed)
            count += 1
        return count

    return running.call(run)


def states(asking: PeerInstance) -> list[WitnessState]:
    return asking.running.call(WitnessRounds(asking.running.database).list_states)


def served(log: PeerInstance, *witnesses: PeerInstance) -> SignedCheckpoint:
    """Opens what a log serves: its own witness has cosigned it, and these."""
    verifiers = tuple(CosignatureVerifier(each.keys.read().witness.vkey) for each in (log, *witnesses))
    trust = LogTrust(
        log.origin, (NoteVerifier(log.keys.read().logs[0].vkey),), verifiers, quorum=len(verifiers)
    )
    return open_checkpoint(httpx.get(f"{log.running.url}/log/checkpoint", trust_env=False).content, trust)


def become_peers(one: PeerInstance, two: PeerInstance) -> None:
    two.publish(1)
    two.add(one)
    one.approve(two)


def test_a_peer_cosigns_our_log_as_it_grows(one: PeerInstance, two: PeerInstance, clock: FakeClock) -> None:
    become_peers(one, two)
    for count in (0, 1, 300):
        one.publish(count, first=5_000 + count)
        assert gather(one) == 1
        times = {line.name: parse_time(line.payload) for line in served(one, two).cosignatures}
        assert times[f"{two.host}/witness"] == int(clock.now().timestamp())
        [state] = states(one)
        assert (state.origin, state.is_on_published, state.fault) == (two.origin, True, "")
        assert gather(one) == 0, "not due"
        clock.advance(minutes=10)


def test_a_quiet_log_is_cosigned_again(one: PeerInstance, two: PeerInstance, clock: FakeClock) -> None:
    become_peers(one, two)
    gather(one)
    first = served(one, two)
    clock.advance(minutes=10)
    gather(one)
    again = served(one, two)
    assert again.checkpoint == first.checkpoint
    assert max(parse_time(line.payload) for line in again.cosignatures) == int(clock.now().timestamp())


def test_a_forgotten_size_is_learned_from_the_witness(
    one: PeerInstance, two: PeerInstance, clock: FakeClock
) -> None:
    """The answer of the last round was lost, or another process has asked: the witness tells what it has."""
    become_peers(one, two)
    gather(one)
    one.publish(20, first=7_000)
    one.fetch("UPDATE peer_witness SET size = 3, next_at = now() - interval '1 year' RETURNING id")
    assert gather(one) == 1
    assert states(one)[0].fault == ""
    served(one, two)
    clock.advance(seconds=1)


def test_a_suspended_peer_is_not_asked_and_not_shown(
    one: PeerInstance, two: PeerInstance, clock: FakeClock
) -> None:
    become_peers(one, two)
    gather(one)
    served(one, two)
    one.fetch("UPDATE origin SET standing = 2 WHERE name = $1 RETURNING id", two.origin)
    clock.advance(minutes=10)
    assert gather(one) == 0
    one.publish(1, first=8_000)
    assert f"{two.host}/witness" not in str(served(one).unknown)


def test_who_does_not_answer_is_asked_less_often(
    one: PeerInstance, two: PeerInstance, clock: FakeClock
) -> None:
    become_peers(one, two)
    one.fetch("UPDATE peer SET address = 'http://127.0.0.1:1' RETURNING origin")
    pauses = []
    for _ in range(6):
        assert gather(one) == 1
        assert states(one)[0].fault
        [row] = one.fetch("SELECT next_at FROM peer_witness")
        pauses.append(row["next_at"] - clock.now())
        clock.advance(seconds=pauses[-1].total_seconds())
    assert pauses[0] == EVERY
    assert pauses[-1] == timedelta(hours=1)


def test_a_peer_that_was_asked_under_a_clock_that_ran_ahead_is_asked_again(
    one: PeerInstance, two: PeerInstance, clock: FakeClock
) -> None:
    """A clock steps weeks ahead and back: nobody cosigned our log until these weeks had passed."""
    become_peers(one, two)
    address = one.fetch("SELECT address FROM peer")[0]["address"]
    one.fetch("UPDATE peer SET address = 'http://127.0.0.1:1' RETURNING origin")
    clock.advance(days=21)
    assert gather(one) == 1
    clock.advance(days=-21)
    one.fetch("UPDATE peer SET address = $1 RETURNING origin", address)
    assert gather(one) == 1
    assert states(one)[0].fault == ""


def test_a_damaged_line_is_not_served(one: PeerInstance, two: PeerInstance) -> None:
    """With a false line of a witness that they know, readers refuse the note, whatever else it holds."""
    become_peers(one, two)
    gather(one)
    one.fetch(
        "UPDATE log_cosignature SET line = overlay(line PLACING 'AAAA' FROM 60) WHERE name = $1 RETURNING id",
        f"{two.host}/witness",
    )
    assert f"{two.host}/witness" not in str(served(one).unknown)


def test_a_line_of_a_witness_key_that_was_replaced_is_not_served(
    one: PeerInstance, two: PeerInstance
) -> None:
    become_peers(one, two)
    gather(one)
    other = PrivateKey(f"{two.host}/witness", KeyKind.COSIGNATURE, PeerLog(leaves=1).peer)
    line = cosign(served(one).checkpoint, other, 1_800_000_000)
    one.fetch(
        "UPDATE log_cosignature SET line = $1 WHERE name = $2 RETURNING id", str(line), f"{two.host}/witness"
    )
    assert f"{two.host}/witness" not in str(served(one).unknown)


def copy_of(instance: PeerInstance) -> tuple[dict[str, list[dict[str, object]]], bytes]:
    """A backup of what the log is in, with the mark beside the keys."""
    tables = {name: instance.fetch(f"SELECT * FROM {name}") for name in TABLES}  # noqa: S608 - names of this file
    return tables, (instance.keys.path / MARK_FILE).read_bytes()


TABLES = ("log_state", "log_tile", "log_statement", "log_operations")


def restore(instance: PeerInstance, backup: tuple[dict[str, list[dict[str, object]]], bytes]) -> None:
    tables, mark = backup

    async def run() -> None:
        async with instance.running.database.transaction() as connection:
            await connection.execute("DELETE FROM log_cosignature")
            await connection.execute("DELETE FROM mapping")
            for name, rows in tables.items():
                await connection.execute(f"DELETE FROM {name}")  # noqa: S608 - as above
                if rows:
                    columns = list(rows[0])
                    await connection.copy_records_to_table(
                        name, records=[tuple(row.values()) for row in rows], columns=columns
                    )

    instance.running.call(run)
    (instance.keys.path / MARK_FILE).write_bytes(mark)


def test_a_restored_database_signs_nothing_once_its_witness_has_told(
    one: PeerInstance, two: PeerInstance, clock: FakeClock
) -> None:
    """Database and mark come from one backup, so that nothing on the machine tells what was signed since. To go on would
    fork the log."""
    become_peers(one, two)
    backup = copy_of(one)
    one.publish(30, first=9_000)
    gather(one)
    newest = served(one, two).checkpoint
    restore(one, backup)
    clock.advance(minutes=10)
    gather(one)
    assert "does not lead to" in states(one)[0].fault
    with pytest.raises(LogRefused, match="older than what this instance has signed") as refused:
        one.publish(1, first=9_500)
    assert two.origin in str(refused.value)
    assert "backup" in refused.value.mend

    async def ask() -> Shown | None:
        async with one.running.database.connection() as connection:
            peers = await fetch_known_peers(connection)
        keys = [key.vkey for key in one.keys.read().logs]
        return await ask_newest(one.running.http, peers, one.origin, keys)

    shown = one.running.call(ask)
    assert shown is not None
    assert (shown.signed.checkpoint, shown.peer.origin) == (newest, two.origin)


def known(instance: PeerInstance, note: bytes, size: int) -> None:
    instance.fetch(
        "INSERT INTO log_known (id, size, note, told_by, seen_at) VALUES (1, $1, $2, 'two.localhost/log', now())"
        " RETURNING id",
        size,
        note,
    )


def test_a_checkpoint_of_no_key_of_ours_stops_nothing(one: PeerInstance) -> None:
    """Attack: a peer shows a larger checkpoint that it has made up, or that a stranger's key has signed."""
    stranger = PrivateKey(one.origin, KeyKind.NOTE, PeerLog(leaves=1).peer)
    made_up = sign_checkpoint(Checkpoint(one.origin, 10_000, b"x" * 32), [stranger])
    known(one, bytes(made_up), 10_000)
    one.publish(1, first=9_000)
    assert one.fetch("SELECT size FROM log_known") == []


def test_another_tree_of_our_own_key_stops_the_log(one: PeerInstance) -> None:
    """Two databases have written, or the key was stolen: which tree is right is for a person to say."""
    ours = sign_checkpoint(Checkpoint(one.origin, 10, b"x" * 32), [one.keys.read().logs[0]])
    known(one, bytes(ours), 10)
    with pytest.raises(LogRefused, match="another tree of 10 leaves"):
        one.publish(1, first=9_000)

    async def check() -> None:
        async with one.running.database.connection() as connection:
            assert await fetch_known(connection) is not None
            with pytest.raises(LogRefused, match="another tree"):
                await Sequencer(one.keys, one.origin, one.running.clock).check(connection)

    one.running.call(check)


def test_a_larger_checkpoint_that_we_have_published_meanwhile_is_no_doubt(one: PeerInstance) -> None:
    one.publish(5, first=9_000)
    now = served(one)
    known(one, bytes(now.verified_note), now.checkpoint.size)
    one.publish(1, first=9_100)
    assert one.fetch("SELECT size FROM log_known") == []


LOG = PeerLog("witness.example", 5)
CHECKPOINT = Checkpoint("own.example/log", 7, b"r" * 32)


def line(seconds: int, key: PrivateKey = LOG.witness, checkpoint: Checkpoint = CHECKPOINT) -> bytes:
    return f"{cosign(checkpoint, key, seconds)}\n".encode()


def test_the_newest_line_of_the_witness_is_taken(clock: FakeClock) -> None:
    now = int(clock.now().timestamp())
    other = PrivateKey("other.example/witness", KeyKind.COSIGNATURE, LOG.peer)
    answer = line(now - 5) + line(now + 30, other) + line(now)
    found = read_cosignature(answer, CHECKPOINT, LOG.witness.vkey, clock.now())
    assert (found.name, found.at, found.size) == ("witness.example/witness", clock.now(), 7)


def test_what_is_no_cosignature_of_this_witness(clock: FakeClock) -> None:
    """Attacks: a line of a time far ahead, which would look fresh for years; one on another tree; one of another key with
    the right name, or with the right id as well; a forged line of another name alone."""
    now = int(clock.now().timestamp())
    other = PrivateKey("witness.example/witness", KeyKind.COSIGNATURE, LOG.peer)
    same_id = replace(cosign(CHECKPOINT, other, now), key_id=LOG.witness.vkey.key_id)
    for answer in (
        b"",
        b"nothing\n",
        line(now + 3_601),
        line(2**62),
        line(now, checkpoint=replace(CHECKPOINT, size=8)),
        line(now, other),
        f"{same_id}\n".encode(),
        line(now) + f"{same_id}\n".encode(),
    ):
        with pytest.raises(FederationError):
            read_cosignature(answer, CHECKPOINT, LOG.witness.vkey, clock.now())


def test_documents_are_those_of_the_peer(one: PeerInstance, two: PeerInstance) -> None:
    become_peers(one, two)
    [row] = one.fetch("SELECT note FROM peer_document")
    assert parse_operations_note(row["note"])[0].witness_key == two.keys.read().witness.vkey
