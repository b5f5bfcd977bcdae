"""A peer shows its readers one history and the witnesses another: found out where a reader is a witness, too."""

from datetime import timedelta
from pathlib import Path

import pytest

from directory.origins import Standing
from directory.store.database import Database
from federation.errors import InvalidProof
from federation.keys.equivocation import open_evidence
from federation.keys.evidence import Evidence
from federation.keys.instance import KeyFolder
from federation.keys.operations import RightTree
from federation.peers.verdicts import Verdict
from federation.protocol.add_checkpoint import AddCheckpoint
from federation.store.witnessed import Witnessed, fetch_witnessed, swap_witnessed
from federation.tlog.note import Note
from federation.witness.cosigning import Witness
from tests.federation.peers.tailing import Reader, reading
from tests.harness.clock import FakeClock
from tests.harness.peer_log import ORIGIN, PeerLog, key, log_server


async def witness(reader: Reader, log: PeerLog, note: Note) -> None:
    """Stores that our witness has cosigned a checkpoint of the log, which says the tree that `log` has now."""
    size = len(log.entries)
    new = Witnessed(ORIGIN, size, log.root(), bytes(note), reader.clock.now(), "")
    async with reader.database.transaction() as connection:
        assert await swap_witnessed(connection, await fetch_witnessed(connection, ORIGIN), new)


async def test_another_tree_than_our_witness_has_cosigned_is_a_fork(
    database: Database, clock: FakeClock
) -> None:
    """Attack: everybody else, and our own witness, is shown a log with a revoke; our tail is shown one without it, and never
    of the same size."""
    log = PeerLog(clock)
    people = log.add_people(300)
    shown = log.copy()
    log.revoke(people[0])
    shown.add_people(400)
    shown.publish()
    async with log_server(shown.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        await witness(reader, log, log.sign())
        assert await reader.round() is Verdict.FORKED
        assert await reader.standing() is Standing.FROZEN
        (row,) = await reader.rows("SELECT file FROM peer_evidence")
        assert open_evidence(Evidence.parse(row["file"]), [log.log_key.vkey]).is_proven


async def test_who_withholds_what_our_witness_has_seen_is_not_heard(
    database: Database, clock: FakeClock
) -> None:
    """Attack: our tail is shown the tree from before a revoke for ever, with a fresh time. The witness has seen the larger
    one: the time counts for nothing, so that what is withheld from us is stale in a day, and hidden in a week."""
    log = PeerLog(clock)
    people = log.add_people(3)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        (before,) = await reader.rows("SELECT heard_at FROM origin WHERE name = $1", ORIGIN)
        grown = log.copy()
        grown.revoke(people[0])
        await witness(reader, grown, grown.sign())
        clock.advance(hours=25)
        log.publish()
        assert await reader.round() is Verdict.READ
        assert await reader.rows("SELECT heard_at FROM origin WHERE name = $1", ORIGIN) == [before]
        log.revoke(people[0])
        log.publish()
        clock.advance(seconds=60)
        assert await reader.round() is Verdict.READ
        (after,) = await reader.rows("SELECT heard_at FROM origin WHERE name = $1", ORIGIN)
        assert after["heard_at"] - before["heard_at"] > timedelta(hours=24)


async def test_what_a_thief_had_cosigned_is_not_held_against_the_log(
    database: Database, clock: FakeClock
) -> None:
    """Our witness has cosigned a thief's tree, larger or smaller. After the recovery no key in power has signed it."""
    log = PeerLog(clock)
    log.add_people(300)
    right = RightTree(len(log.entries), log.root())
    thief = log.copy()
    thief.noise(100)
    log.recover(right, key("rescue"))
    log.add_people(5)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        await witness(reader, thief, thief.sign())
        assert await reader.round() is Verdict.READ
        log.noise(300)
        clock.advance(seconds=60)
        log.publish()
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        assert await reader.standing() is Standing.FOLLOWING
        (heard,) = await reader.rows("SELECT heard_at FROM origin WHERE name = $1", ORIGIN)
        assert heard["heard_at"] == clock.now()


def asked_to_cosign(log: PeerLog, size: int) -> bytes:
    """The first request of a log to our witness."""
    return bytes(AddCheckpoint(0, (), bytes(log.sign(size))))


async def test_our_witness_cosigns_no_smaller_tree_than_the_one_that_was_read_and_another(
    database: Database, clock: FakeClock, folder: Path
) -> None:
    """Attack: our tail is shown a log, which grows no more, with a fresh time; our witness is shown the one that everybody else
    sees, with a revoke, and never more leaves than were read. Nothing compared the two, and whoever relies on our cosignature
    was told that we have seen that one."""
    log = PeerLog(clock)
    people = log.add_people(300)
    shown = log.copy()
    log.revoke(people[0])
    shown.add_people(400)
    shown.publish()
    keys = KeyFolder(folder)
    keys.make("one.example")
    async with log_server(shown.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        with pytest.raises(InvalidProof):
            await Witness(database, keys, clock).add_checkpoint(asked_to_cosign(log, len(log.entries)))
        assert await reader.standing() is Standing.FROZEN
        (row,) = await reader.rows("SELECT file FROM peer_evidence")
        assert open_evidence(Evidence.parse(row["file"]), [log.log_key.vkey]).is_proven
        assert not await reader.rows("SELECT FROM peer_witnessed")


async def test_our_witness_cosigns_what_the_tree_that_was_read_begins_with(
    database: Database, clock: FakeClock, folder: Path
) -> None:
    """The tail is faster than the log that asks: what is to be cosigned is older than what was read by a minute."""
    log = PeerLog(clock)
    log.add_people(700)
    log.publish()
    keys = KeyFolder(folder)
    keys.make("one.example")
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        assert await Witness(database, keys, clock).add_checkpoint(asked_to_cosign(log, 601))
        assert await reader.standing() is Standing.FOLLOWING
