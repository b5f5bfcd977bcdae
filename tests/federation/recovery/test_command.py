"""`passerelle recover` between two instances, over HTTP and with signed requests."""

from pathlib import Path

import pytest

from deploy.wiring.log import build_sequencer
from federation.errors import LogRefused
from federation.keys.instance import MARK_FILE
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.merkle import EMPTY_ROOT
from tests.federation.recovery.at_peer import count_mappings, hand_over
from tests.federation.recovery.restoring import TABLES
from tests.harness.command import Command, Result
from tests.harness.peers import PeerInstance


def command(one: PeerInstance, dsn: str, folder: Path, *arguments: str, said: str = "") -> Result:
    settings = {
        "data": str(one.keys.path.parent),
        "database_url": dsn,
        "public_url": one.address,
        "allow_loopback": "true",
    }
    return Command(folder, settings).run(*arguments, said=said)


def lose(one: PeerInstance) -> None:
    one.fetch(f"TRUNCATE {', '.join(TABLES)}, peer, instance_identity CASCADE")


def check_guard(one: PeerInstance) -> None:
    """Checks as the sequencer does before it signs."""

    async def run() -> None:
        async with one.running.database.connection() as connection:
            await build_sequencer(one.running.settings, one.running.clock).check(connection)

    one.running.call(run)


def test_a_lost_database_comes_back_from_a_peer_that_is_named(
    one: PeerInstance, two: PeerInstance, dsn: str, folder: Path
) -> None:
    two.add(one)
    hand_over(one, two)
    lose(one)
    refused = command(one, dsn, folder, "recover")
    assert refused.code == 1
    assert "knows no peers" in refused.sentence
    for said in ("", "n\n"):
        asked = command(one, dsn, folder, "recover", "--from", two.address, said=said)
        assert (asked.code, "21 entries are missing here" in asked.err) == (130, True), asked
        assert not one.fetch("SELECT FROM log_state")
    done = command(one, dsn, folder, "recover", "--from", two.address, said="y\n")
    assert (done.code, "21 entries are back" in done.out) == (0, True), done
    assert command(one, dsn, folder, "fsck").code == 0
    again = command(one, dsn, folder, "recover", "--from", two.address)
    assert (again.code, "nothing to bring back" in again.out) == (0, True), again
    one.publish(3, first=20)
    assert count_mappings(one) == 23
    assert command(one, dsn, folder, "fsck").code == 0


def test_a_snapshot_of_database_and_mark_is_found_out_by_a_peer(
    one: PeerInstance, two: PeerInstance, dsn: str, folder: Path
) -> None:
    """Attack by accident: a volume with both the database and the keys is set back. Nothing on the machine tells, and the
    log forked."""
    two.add(one)
    one.add(two)
    check_guard(one)
    hand_over(one, two)
    check_guard(one)
    one.fetch("TRUNCATE log_state, log_tile, log_statement, log_revoke, log_operations, mapping CASCADE")
    (one.keys.path / MARK_FILE).write_text(str(Checkpoint(one.origin, 0, EMPTY_ROOT)))
    with pytest.raises(LogRefused, match="has seen 21 leaves of this log") as refused:
        check_guard(one)
    assert "passerelle recover" in refused.value.mend
    done = command(one, dsn, folder, "recover", "--yes")
    assert done.code == 0, done
    check_guard(one)
    assert command(one, dsn, folder, "fsck").code == 0


def test_what_this_machine_has_not_signed_is_brought_back_at_the_operators_word_alone(
    one: PeerInstance, two: PeerInstance, dsn: str, folder: Path
) -> None:
    """Attack: a thief of the log key says something in a tree that goes on from ours, and shows it to a peer. Our log stops, the
    doctor says to run `passerelle recover`, and that made the thief's words our own: as good as proven here."""
    two.add(one)
    one.add(two)
    hand_over(one, two)
    one.fetch("TRUNCATE log_state, log_tile, log_statement, log_revoke, log_operations, mapping CASCADE")
    for size, is_told in ((0, True), (21, False)):
        root = EMPTY_ROOT if size == 0 else bytes(32)
        (one.keys.path / MARK_FILE).write_text(str(Checkpoint(one.origin, size, root)))
        asked = command(one, dsn, folder, "recover", said="n\n")
        assert (asked.code, one.fetch("SELECT FROM log_state")) == (130, [])
        assert ("has signed no more than this database holds" in " ".join(asked.err.split())) is is_told
        assert ("Is it certain that this instance has signed them?" in asked.err) is is_told
    (one.keys.path / MARK_FILE).write_text(str(Checkpoint(one.origin, 0, EMPTY_ROOT)))
    with pytest.raises(LogRefused, match="has seen 21 leaves") as refused:
        check_guard(one)
    assert "somebody else" in refused.value.mend


def test_a_mark_that_is_lost_is_confirmed_by_the_operator_alone(
    one: PeerInstance, two: PeerInstance, dsn: str, folder: Path
) -> None:
    """Attack: a peer that is behind, or lies, would confirm too small a size, and the log would fork. So what peers say is
    shown, and the operator is asked."""
    two.add(one)
    one.add(two)
    mark = one.keys.path / MARK_FILE
    kept = mark.read_bytes()
    mark.unlink()
    unknown = command(one, dsn, folder, "recover", "--yes")
    assert (unknown.code, mark.exists()) == (1, False)
    assert "no peer has seen exactly what this database holds" in unknown.err
    hand_over(one, two)
    asked = command(one, dsn, folder, "recover", said="n\n")
    assert (asked.code, mark.exists()) == (130, False)
    assert "may know less than was signed" in asked.err
    done = command(one, dsn, folder, "recover", said="y\n")
    assert (done.code, mark.read_bytes()) == (0, kept), done


def test_bodies_that_no_peer_has_are_asked_for_apart(
    one: PeerInstance, two: PeerInstance, dsn: str, folder: Path
) -> None:
    two.add(one)
    hand_over(one, two, with_bodies=False)
    lose(one)
    asked = command(one, dsn, folder, "recover", "--from", two.address, said="y\nn\n")
    assert (asked.code, "what 20 leaves say" in asked.err) == (130, True), asked
    done = command(one, dsn, folder, "recover", "--from", two.address, "--yes")
    assert (done.code, "20 leaves are revoked with the next batch" in done.out) == (0, True), done
    one.publish()
    assert command(one, dsn, folder, "fsck").code == 0
    assert one.fetch("SELECT published_size FROM log_state") == [{"published_size": 41}]


def test_what_a_peer_has_read_counts_before_it_has_cosigned_it(
    one: PeerInstance, two: PeerInstance, dsn: str, folder: Path
) -> None:
    """Attack by accident: peers read every 40 seconds and cosign every ten minutes. A database that was set back by a few
    minutes was gone on with, as nobody had cosigned more; and what two peers had whole was not brought back."""
    two.add(one)
    one.add(two)
    hand_over(one, two)
    two.fetch("DELETE FROM peer_witnessed")
    one.fetch("TRUNCATE log_state, log_tile, log_statement, log_revoke, log_operations, mapping CASCADE")
    (one.keys.path / MARK_FILE).write_text(str(Checkpoint(one.origin, 0, EMPTY_ROOT)))
    with pytest.raises(LogRefused, match="has seen 21 leaves of this log"):
        check_guard(one)
    done = command(one, dsn, folder, "recover", "--yes")
    assert (done.code, "21 entries are back" in done.out) == (0, True), done
    check_guard(one)
