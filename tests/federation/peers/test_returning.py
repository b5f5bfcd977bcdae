"""What a recovery, an unbelieved reading and a purge leave behind, and what an evil peer or a thief makes of it."""

from directory.origins import Standing
from directory.store.database import Database
from federation.keys.equivocation import open_evidence
from federation.keys.evidence import Evidence
from federation.keys.operations import RightTree
from federation.peers.verdicts import Verdict
from federation.store.peer_leases import PeerLeaseStore
from tests.federation.peers.tailing import reading
from tests.harness.clock import FakeClock
from tests.harness.peer_log import ORIGIN, PeerLog, Reply, key, log_server


async def test_a_tree_of_the_size_that_was_read_is_compared_with_it(
    database: Database, clock: FakeClock
) -> None:
    """Attack: a recovery has taken the reader back, and no checkpoint is believed. Whoever holds the former key shows one of
    exactly the size that is left, with another root. Nothing has to be read for it, and it would be believed unread."""
    log = PeerLog(clock)
    log.add_people(300)
    log.publish()
    right = RightTree(len(log.entries), log.root())
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        thief = log.copy()
        thief.add_people(400)
        thief.publish()
        server.serve = thief.serve
        assert await reader.round() is Verdict.READ
        log.recover(right, key("rescue"))
        log.publish()
        server.serve = log.serve
        server.lies = lambda path, honest: Reply(503) if "entries" in path else honest
        clock.advance(seconds=60)
        assert await reader.round() is Verdict.UNAVAILABLE
        assert (await reader.log())["size"] == right.size
        note = bytes(log.cosigned(log.sign(right.size, keys=[log.log_key], root=b"\7" * 32)))
        server.lies = lambda path, honest: Reply(200, note) if path == "/log/checkpoint" else honest
        clock.advance(hours=2)
        known = await reader.state()
        assert await reader.round() is Verdict.WRONG
        assert await reader.state() == known
        server.lies = None
        log.publish()
        clock.advance(hours=2)
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        await reader.check()


async def test_a_recovery_gives_up_a_checkpoint_beyond_what_was_read(
    database: Database, clock: FakeClock
) -> None:
    """Attack: a thief floods the log, so that a reader stops at its cap, in the middle: what it believes is the thief's
    checkpoint, and what it has read is the log's own. After the recovery the honest log would contradict the thief's
    checkpoint, and be frozen for it."""
    log = PeerLog(clock)
    people = log.add_people(500)
    right = RightTree(len(log.entries), log.root())
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey, growth_cap=300)
        thief = log.copy()
        thief.noise(900)
        thief.publish()
        server.serve = thief.serve
        assert await reader.round() is Verdict.STOPPED
        assert (await reader.log())["size"] == 300
        log.recover(right, key("rescue"))
        log.publish()
        server.serve = log.serve
        clock.advance(seconds=60)
        assert await reader.round() is Verdict.STOPPED, (await reader.log())["fault"]
        log.noise(1_500)
        log.publish()
        for _ in range(7):
            clock.advance(days=1)
            log.publish()
            await reader.round()
            assert await reader.standing() is Standing.FOLLOWING
        assert await reader.leaves() == people
        assert (await reader.log())["size"] == len(log.entries)


async def test_what_a_recovery_contradicts_is_kept_and_shown(database: Database, clock: FakeClock) -> None:
    """Attack: an evil operator takes one reader back by a recovery, and shows it another history. The two notes that
    contradict each other are kept: whether a recovery explains them is for people to judge."""
    log = PeerLog(clock)
    log.add_people(10)
    log.publish()
    right = RightTree(len(log.entries), log.root())
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        thief = log.copy()
        thief.add_people(20)
        thief.publish()
        server.serve = thief.serve
        assert await reader.round() is Verdict.READ
        log.recover(right, key("rescue"))
        log.add_people(5)
        log.publish()
        server.serve = log.serve
        clock.advance(seconds=60)
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        (row,) = await reader.rows("SELECT file, explained FROM peer_evidence WHERE origin = $1", ORIGIN)
        assert "recovery" in row["explained"]
        assert open_evidence(Evidence.parse(row["file"]), [log.log_key.vkey]).is_proven
        assert await reader.standing() is Standing.FOLLOWING


async def test_a_peer_that_returns_in_the_middle_of_its_purge_is_read_on(
    database: Database, clock: FakeClock
) -> None:
    """A purge goes in steps, and the peer is heard between two of them: what is left of its bodies is in the way of none."""
    log = PeerLog(clock)
    people = log.add_people(300)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        leases = PeerLeaseStore(database)
        (silent,) = await leases.find_silent(clock.now())
        assert await leases.purge_step(silent, 100) == 200
        log.add_people(3)
        log.publish()
        clock.advance(seconds=60)
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        assert await reader.leaves() == [*people, 301, 302, 303]
        await reader.check()
