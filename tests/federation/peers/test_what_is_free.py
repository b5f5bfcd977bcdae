"""What of a peer's log no cap counts for, and that it stays so where it has to be read again."""

from directory.store.database import Database
from federation.keys.operations import RightTree
from federation.peers.reading import BUNDLES_A_STEP
from federation.peers.verdicts import Verdict
from tests.federation.peers.tailing import reading
from tests.harness.clock import FakeClock
from tests.harness.peer_log import PeerLog, Reply, key, log_server

STEP = BUNDLES_A_STEP * 256


def twice_signed(clock: FakeClock, entries: int) -> PeerLog:
    """A log whose key was rotated, with so many entries before the announcement and after: until the documents of the rotation
    were read, nothing that is read is under a checkpoint that is believed."""
    log, new = PeerLog(clock), key("next")
    log.noise(entries)
    log.add_document(log.next_document(next_key=new.vkey, issued=log.now() + 3600), [log.log_key, new])
    clock.advance(days=8)
    log.noise(entries)
    log.add_document(log.next_document(log_key=new.vkey, next_key=None), [log.log_key])
    log.keys = [new]
    log.publish()
    return log


def torn(path: str, honest: Reply) -> Reply:
    """One bundle of a copy has a wrong bit."""
    if "entries/070" not in path:
        return honest
    return Reply(200, honest.body[:9] + bytes([honest.body[9] ^ 1]) + honest.body[10:])


async def test_one_wrong_bundle_in_a_first_sync_caps_nothing(database: Database, clock: FakeClock) -> None:
    """A copy of the peer's log serves one bundle wrong, once. What was read is read again, as nobody knows which part of it was
    right; what was free at the confirmation was forgotten with it, and the first sync took months of daily caps."""
    log = twice_signed(clock, 20_000)
    size = len(log.entries)
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey, growth_cap=10, seen=size)
        server.lies = torn
        assert await reader.round() is Verdict.DAMAGED
        assert (await reader.log())["size"] == 0
        server.lies = None
        clock.advance(hours=1)
        assert await reader.round() is Verdict.READ
        assert (await reader.log())["size"] == size
        log.noise(500)
        log.publish()
        clock.advance(seconds=41)
        assert await reader.round() is Verdict.STOPPED, "the cap of what is new holds"
        assert (await reader.log())["size"] == size + 10


async def test_an_old_checkpoint_before_any_was_believed_caps_nothing(
    database: Database, clock: FakeClock
) -> None:
    """As a copy that lags behind in the middle of a first sync, of a log whose key was rotated: until that is read, there is no
    checkpoint that the old one lags behind of."""
    log = twice_signed(clock, 20_000)
    size = len(log.entries)
    old = bytes(log.cosigned(log.sign(30_000)))
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey, growth_cap=10, seen=size)
        server.lies = lambda path, honest: Reply(503) if "entries/070" in path else honest
        assert await reader.round() is Verdict.UNAVAILABLE
        log.size, newest = 30_000, log.size
        server.lies = lambda path, honest: Reply(200, old) if path == "/log/checkpoint" else honest
        clock.advance(hours=1)
        await reader.round()
        log.size, server.lies = newest, None
        clock.advance(hours=2)
        assert await reader.round() is Verdict.READ
        assert (await reader.log())["size"] == size


async def test_revokes_that_were_given_up_free_nothing(database: Database, clock: FakeClock) -> None:
    """Attack: a log revokes the same mappings again and again, each time in a tree that is given up in the end, so that each time
    as many entries more are free."""
    log = PeerLog(clock)
    people = log.add_people(300)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey, growth_cap=2 * STEP, seen=301)
        assert await reader.round() is Verdict.READ
        hidden, new = log.copy(), key("next")
        hidden.add_document(
            hidden.next_document(next_key=new.vkey, issued=log.now() + 3600), [log.log_key, new]
        )
        for number in range(2):
            flood = log.copy()
            for person in people:
                flood.revoke(person)
            flood.noise(STEP + number)  # so that the revokes are stored before it is found out
            flood.document_notes, flood.keys = hidden.document_notes, [new]
            flood.publish()
            server.serve = flood.serve
            clock.advance(hours=2)
            flood.publish()
            assert await reader.round() is Verdict.WRONG
            row = await reader.log()
            assert row["size"] == 301
            assert max(row["day_size"], row["free_size"]) == 301


async def test_after_a_recovery_what_was_held_and_is_right_is_read_again_at_once(
    database: Database, clock: FakeClock
) -> None:
    """A thief has shown a reader a fork, and the log goes on until its operators recover it: the reader gives all up that it has
    read, and its people were gone for as many days as it had daily caps of entries."""
    log = PeerLog(clock)
    people = log.add_people(300)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey, growth_cap=10, seen=1)
        for _ in range(31):
            await reader.round()
            clock.advance(days=1)
            log.publish()
        assert await reader.leaves() == people
        thief = log.copy()
        thief.add_people(5)
        thief.publish()
        server.serve = thief.serve
        assert await reader.round() is Verdict.READ
        people += log.add_people(5)
        log.recover(RightTree(len(log.entries), log.root()), key("rescue"))
        later = log.add_people(100)
        log.publish()
        server.serve = log.serve
        clock.advance(hours=1)
        assert await reader.round() is Verdict.STOPPED
        assert await reader.leaves() == [*people, *later[: 10 - 1]]
