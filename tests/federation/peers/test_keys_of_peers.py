"""The keys of a peer change while its log is read: by rotation, by a thief, and by a recovery."""

import pytest

from directory.origins import Standing
from directory.store.database import Database
from federation.keys.chain import MAX_ORDINARY, parse_operations_note
from federation.keys.equivocation import open_evidence
from federation.keys.evidence import MAX_EVIDENCE_DOCUMENTS, Evidence
from federation.keys.operations import RightTree
from federation.peers import chains
from federation.peers.moving import PeerMoving, moved_to_of
from federation.peers.verdicts import Verdict
from federation.tlog.keys import KeyKind, PrivateKey
from federation.tlog.note import Signature, parse_note
from tests.federation.peers.tailing import reading
from tests.harness.clock import FakeClock
from tests.harness.peer_log import ORIGIN, PeerLog, Reply, key, log_server
from tests.vectors.fixed import make_seed


async def test_a_rotation_is_followed_through_the_log(database: Database, clock: FakeClock) -> None:
    """Who was away during a rotation finds a checkpoint under a key that it does not know."""
    log = PeerLog(clock)
    log.add_people(3)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        new = key("next")
        log.add_document(log.next_document(next_key=new.vkey, issued=log.now() + 3600), [log.log_key, new])
        clock.advance(days=8)
        log.add_document(log.next_document(log_key=new.vkey, next_key=None), [log.log_key])
        log.keys = [new]
        log.add_people(2)
        log.publish()
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        documents = await reader.rows("SELECT number, leaf FROM peer_document ORDER BY number")
        assert [(row["number"], row["leaf"]) for row in documents] == [(0, 0), (1, 4), (2, 5)]
        assert await reader.leaves() == [1, 2, 3, 6, 7]
        clock.advance(seconds=60)
        log.note = bytes(log.sign(keys=[log.log_key]))
        assert await reader.round() is Verdict.WRONG, "the retired key signs nothing any more"


async def test_a_rotation_in_the_middle_of_a_first_sync(database: Database, clock: FakeClock) -> None:
    """The first steps were read under a checkpoint of the former key, which is retired before the sync goes on."""
    log = PeerLog(clock)
    people = log.add_people(10)
    log.noise(40_000)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey, seen=10**6)
        server.lies = lambda path, honest: Reply(503) if "entries/070" in path else honest
        assert await reader.round() is Verdict.UNAVAILABLE
        read = (await reader.log())["size"]
        assert 0 < read < len(log.entries)

        new = key("next")
        log.add_document(log.next_document(next_key=new.vkey, issued=log.now() + 3600), [log.log_key, new])
        clock.advance(days=8)
        log.add_document(log.next_document(log_key=new.vkey, next_key=None), [log.log_key])
        log.keys = [new]
        people += log.add_people(2)
        log.publish()
        server.lies, asked = None, len(server.asked)
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        assert await reader.leaves() == people
        assert not any(path.startswith("/log/tile/entries/000") for path in server.asked[asked:])
        assert len(await reader.rows("SELECT FROM peer_document WHERE leaf IS NOT NULL")) == 3
        await reader.check()


async def test_a_key_counts_once_its_document_is_in_the_log(database: Database, clock: FakeClock) -> None:
    """A document that was signed and never put into the log would let a key sign that nobody can see there."""
    log = PeerLog(clock)
    log.add_people(3)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        known = await reader.state()
        hidden = log.copy()
        new = key("next")
        hidden.add_document(
            hidden.next_document(next_key=new.vkey, issued=log.now() + 3600), [log.log_key, new]
        )
        log.document_notes = hidden.document_notes
        log.add_people(1)
        log.keys = [new]
        log.publish()
        clock.advance(seconds=60)
        assert await reader.round() is Verdict.WRONG
        assert await reader.state() == known


async def test_of_two_documents_with_one_number_the_log_has_one(database: Database, clock: FakeClock) -> None:
    """A log that serves another document than the one that its entry names changes nothing with either."""
    log = PeerLog(clock)
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        other = log.copy()
        other.add_document(other.next_document(issued=log.now() + 7200), [log.log_key])
        log.add_document(log.next_document(issued=log.now() + 3600), [log.log_key])
        log.document_notes = other.document_notes
        log.add_people(1)
        log.publish()
        assert await reader.round() is Verdict.READ
        assert len(await reader.rows("SELECT FROM peer_document")) == 1
        assert await reader.leaves() == [2]


async def test_a_document_of_the_year_9999_locks_nobody_out(database: Database, clock: FakeClock) -> None:
    """A thief of the log key dates a document far ahead, so that no other could come after it."""
    log = PeerLog(clock)
    log.add_people(2)
    right = RightTree(len(log.entries), log.root())
    stolen = key("stranger")
    log.add_document(log.next_document(next_key=stolen.vkey, issued=253_402_300_799), [log.log_key, stolen])
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        log.entries, log.hashes = log.entries[:3], log.hashes[:96]
        log.recover(right, key("rescue"), after=0)
        log.add_people(1)
        log.publish()
        clock.advance(days=1)
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        assert await reader.leaves() == [1, 2, 4]
        assert len(await reader.rows("SELECT FROM peer_document")) == 2


async def test_a_thiefs_fork_ends_at_the_recovery(database: Database, clock: FakeClock) -> None:
    """What a thief has published and revoked is given up; what holds again is asked for again."""
    log = PeerLog(clock)
    people = log.add_people(300)
    log.publish()
    right = RightTree(len(log.entries), log.root())
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        thief = log.copy()
        thief.add_people(400)
        for leaf in people[:20]:
            thief.revoke(leaf)
        thief.publish()
        server.serve = thief.serve
        clock.advance(seconds=60)
        assert await reader.round() is Verdict.READ
        assert len(await reader.leaves()) == 680
        log.recover(right, key("rescue"))
        log.add_people(5)
        log.publish()
        server.serve = log.serve
        clock.advance(seconds=60)
        before = len(server.asked)
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        assert await reader.leaves() == [*people, *range(302, 307)]
        assert await reader.standing() is Standing.FOLLOWING
        assert not any(path.startswith("/log/tile/entries/000") for path in server.asked[before:])
        assert not await reader.rows("SELECT FROM peer_missing")
        await reader.check()


async def test_a_thief_that_says_where_the_log_has_moved_moves_nothing(
    database: Database, clock: FakeClock
) -> None:
    """Attack: a thief of the log key publishes that the instance goes on as a log of their own, whose first document names
    the stolen key. Nothing follows of itself; and the recovery takes it back, also where the operators' clock is ahead."""
    log = PeerLog(clock)
    people = log.add_people(3)
    log.publish()
    right = RightTree(len(log.entries), log.root())
    moving = PeerMoving(database, clock)
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        peers = await reader.rows("SELECT * FROM peer")
        theirs = key("stranger", "thief.example/log")
        thief = log.copy()
        thief.add_document(thief.next_document(moved_to=theirs.vkey), [log.log_key])
        thief.publish()
        server.serve = thief.serve
        clock.advance(seconds=60)
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        assert await reader.rows("SELECT * FROM peer") == peers
        assert await reader.leaves() == people
        assert await moving.find_former(theirs.name) is None
        assert [row["name"] for row in await reader.rows("SELECT name FROM origin")] == [ORIGIN]

        log.recover(right, key("rescue"))
        log.publish()
        server.serve = log.serve
        clock.advance(seconds=60)
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        notes = [row["note"] for row in await reader.rows("SELECT note FROM peer_document ORDER BY number")]
        assert notes == log.document_notes
        assert moved_to_of([parse_operations_note(note)[0] for note in notes], clock.now()) is None
        assert await reader.leaves() == people
        await reader.check()


async def test_a_recovery_that_names_another_tree_changes_nothing(
    database: Database, clock: FakeClock
) -> None:
    log = PeerLog(clock)
    log.add_people(300)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        known = await reader.state()
        log.recover(RightTree(200, b"\7" * 32), key("rescue"))
        log.publish()
        clock.advance(seconds=60)
        assert await reader.round() is Verdict.WRONG
        assert await reader.state() == known


@pytest.mark.parametrize("is_late", [False, True], ids=["served at once", "served later"])
@pytest.mark.parametrize("is_first", [False, True], ids=["read before", "never read"])
@pytest.mark.parametrize("signers", [("log",), ("log", "rescue")], ids=" and ".join)
async def test_a_recovery_of_another_tree_is_met_on_the_way(
    database: Database, clock: FakeClock, signers: tuple[str, ...], is_first: bool, is_late: bool
) -> None:
    """The checkpoint is signed by a key that was known before, so nobody returns anywhere: the entry alone names the
    recovery. Readers who had followed it would be parted from those who have not, and read no revoke any more."""
    log = PeerLog(clock)
    people = log.add_people(300)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        if not is_first:
            assert await reader.round() is Verdict.READ
        log.recover(RightTree(200, b"\7" * 32), key("rescue"))
        log.keys = [key(name) for name in signers]
        log.revoke(people[0])
        log.publish()
        if is_late:
            server.lies = lambda path, honest: Reply(404) if path.startswith("/log/operations/1") else honest
            clock.advance(seconds=60)
            assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
            server.lies = lambda _, honest: honest
        clock.advance(seconds=60)
        log.publish()
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        assert await reader.leaves() == people[1:]
        assert len(await reader.rows("SELECT FROM peer_document")) == 1
        await reader.check()


async def test_what_was_read_of_another_log_is_given_up_whole(database: Database, clock: FakeClock) -> None:
    """The thief had forked before the point up to which the log was right: nothing that was read of it stays."""
    log = PeerLog(clock)
    log.add_people(10)
    thief = log.copy()
    thief.add_people(600)
    thief.publish()
    log.add_people(300)
    right = RightTree(len(log.entries), log.root())
    log.recover(right, key("rescue"))
    log.publish()
    async with log_server(thief.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        server.serve = log.serve
        clock.advance(seconds=60)
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        assert await reader.leaves() == list(range(1, 311))
        await reader.check()


async def test_a_thousand_documents_are_read_and_more_are_not(database: Database, clock: FakeClock) -> None:
    """A log that names documents without end has us fetch each of them once, and no more than a chain can have."""
    log = PeerLog(clock)
    for _ in range(MAX_ORDINARY + 3):
        log.add_document(log.next_document(), [log.log_key])
    log.noise(100)
    for _ in range(300):
        log.append(b"\x03" + bytes(32))
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        assert len(await reader.rows("SELECT FROM peer_document")) == 1 + MAX_ORDINARY
        assert sum(path.startswith("/log/operations") for path in server.asked) <= MAX_ORDINARY + 3


async def test_no_number_of_keys_keeps_a_fork_from_being_proven(database: Database, clock: FakeClock) -> None:
    """Attack: a log announces twenty keys, in more documents than evidence can hold, and signs with all of them: so many keys
    do not stand in evidence either, and what cannot be proven freezes nobody."""
    log = PeerLog(clock)
    announced = [PrivateKey(ORIGIN, KeyKind.NOTE, make_seed(f"announced {n}")) for n in range(20)]
    for n in range(MAX_EVIDENCE_DOCUMENTS):
        new = announced[n % 20]
        issued = max(log.now(), log.documents[-1].issued) + 7_200
        log.add_document(log.next_document(next_key=new.vkey, issued=issued), [log.log_key, new])
    log.keys = [log.log_key, *announced]
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        note = bytes(log.cosigned(log.sign(root=b"\7" * 32)))
        server.lies = lambda path, honest: Reply(200, note) if path == "/log/checkpoint" else honest
        clock.advance(seconds=60)
        assert await reader.round() is Verdict.FORKED, (await reader.log())["fault"]
        assert await reader.standing() is Standing.FROZEN
        (row,) = await reader.rows("SELECT file FROM peer_evidence")
        assert open_evidence(Evidence.parse(row["file"]), [log.log_key.vkey]).is_proven


async def test_of_a_document_only_the_lines_that_count_are_kept(
    database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: a chain has room for a hundred thousand documents, a note for a hundred lines, and all that is kept of one log is
    read in each round: 6 GB of it would end the process, with the reading of all others."""
    monkeypatch.setattr(chains, "MAX_KNOWN", 4)
    log = PeerLog(clock)
    log.add_person()
    log.publish()
    junk = [Signature("a" * 200, bytes(3) + bytes([n]), bytes(300)) for n in range(90)]
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        assert await reader.round() is Verdict.READ
        for _ in range(6):
            log.add_document(log.next_document(), [log.log_key])
            log.document_notes[-1] = bytes(parse_note(log.document_notes[-1]).signed_also(junk))
        person = log.add_person()
        log.publish()
        clock.advance(hours=2)
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        rows = await reader.rows("SELECT note FROM peer_document ORDER BY number")
        assert len(rows) == 4
        assert all(len(row["note"]) < 2_000 for row in rows)
        assert person in await reader.leaves()
        clock.advance(hours=2)
        log.publish()
        assert await reader.round() is Verdict.READ


async def test_the_first_document_is_the_one_that_was_compared(database: Database, clock: FakeClock) -> None:
    """A peer that shows another first document after the operators have compared the fingerprint is another log."""
    log = PeerLog(clock)
    log.publish()
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, key("stranger").vkey)
        assert await reader.round() is Verdict.WRONG
        assert (await reader.log())["size"] == 0
        server.lies = lambda path, honest: Reply(404) if "operations" in path else honest
        clock.advance(hours=2)
        assert await reader.round() is Verdict.WRONG


async def test_a_thiefs_document_beside_one_of_the_operators_locks_nobody_out(
    database: Database, clock: FakeClock
) -> None:
    """A thief shows a reader a document of its own, where the operators publish another one of that number before they know
    of the theft: the recovery that follows theirs was never believed by that reader."""
    log = PeerLog(clock)
    people = log.add_people(5)
    log.publish()
    right = RightTree(len(log.entries), log.root())
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await reader.confirm(server.address, log.log_key.vkey)
        thief = log.copy()
        thief.add_document(thief.next_document(issued=log.now() + 7_200), [log.log_key])
        thief.add_people(3)
        thief.publish()
        server.serve = thief.serve
        assert await reader.round() is Verdict.READ
        assert len(await reader.rows("SELECT FROM peer_document")) == 2
        log.add_document(log.next_document(), [log.log_key])
        log.recover(right, key("rescue"))
        log.add_person()
        log.publish()
        server.serve = log.serve
        clock.advance(seconds=60)
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        assert await reader.leaves() == [*people, len(log.entries) - 1]
        assert len(await reader.rows("SELECT FROM peer_document")) == 3

        server.serve = thief.serve
        clock.advance(seconds=60)
        known = await reader.state()
        assert await reader.round() is Verdict.WRONG
        assert await reader.state() == known
