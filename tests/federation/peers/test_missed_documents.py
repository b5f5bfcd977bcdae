"""An entry names an operations document that is not served at that moment."""

import pytest

from directory.store.database import Database
from federation.peers.verdicts import Verdict
from federation.tlog.keys import KeyKind, PrivateKey
from tests.federation.peers.tailing import Reader, reading
from tests.harness.clock import FakeClock
from tests.harness.peer_log import Lie, LogServer, PeerLog, Reply, log_server
from tests.vectors.fixed import make_seed


async def missed(log: PeerLog, server: LogServer, reader: Reader, lie: Lie) -> None:
    """Has a log say where it moves, which one round reads while its copy does not serve the document."""
    log.publish()
    await reader.confirm(server.address, log.log_key.vkey)
    assert await reader.round() is Verdict.READ
    moved_to = PrivateKey("three.example/log", KeyKind.NOTE, make_seed("elsewhere")).vkey
    log.add_document(log.next_document(moved_to=moved_to), [log.log_key])
    log.publish()
    server.lies = lie
    log.clock.advance(seconds=41)
    assert await reader.round() is Verdict.READ
    assert len(await reader.rows("SELECT FROM peer_document")) == 1
    server.lies = None


@pytest.mark.parametrize(
    "answer", [Reply(404), Reply(200, b"a page of a proxy"), Reply(200)], ids=["not found", "wrong", "empty"]
)
async def test_a_document_that_was_not_served_once_is_asked_for_again(
    database: Database, clock: FakeClock, answer: Reply
) -> None:
    """No key changes after it, so nothing else would ever ask for it: the peer's move stayed unknown for good. The log is still
    by then, as one that was put away is: the same checkpoint is served for ever."""
    log = PeerLog(clock)
    people = log.add_people(3)
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await missed(log, server, reader, lambda path, honest: answer if "operations" in path else honest)
        clock.advance(seconds=41)
        assert await reader.run_due() == 1
        documents = await reader.rows("SELECT number, leaf FROM peer_document ORDER BY number")
        assert [(row["number"], row["leaf"]) for row in documents] == [(0, 0), (1, 4)]
        assert (await reader.log())["unread_document"] is None
        clock.advance(seconds=41)
        asked = len(server.asked)
        assert await reader.run_due() == 1
        assert server.asked[asked:] == ["/log/checkpoint"], "there is nothing to ask for any more"
        assert await reader.leaves() == people


async def test_a_document_that_is_never_served_holds_nothing_up(database: Database, clock: FakeClock) -> None:
    """Attack: an entry names a document that there is not, or that is always answered with an error. Each round asks for one."""
    log = PeerLog(clock)
    people = log.add_people(3)
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await missed(log, server, reader, lambda path, honest: Reply(404) if "operations" in path else honest)
        server.lies = lambda path, honest: Reply(503) if "operations" in path else honest
        for _ in range(3):
            people += log.add_people(1)
            log.publish()
            clock.advance(seconds=41)
            asked = len(server.asked)
            assert await reader.round() is Verdict.READ
            assert sum("operations" in path for path in server.asked[asked:]) == 1
        assert await reader.leaves() == people


async def test_a_document_of_no_entry_that_was_read_is_not_kept(database: Database, clock: FakeClock) -> None:
    """Attack: in the place of the one that an entry names, another one is served that follows as well."""
    log = PeerLog(clock)
    log.add_people(3)
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await missed(log, server, reader, lambda path, honest: Reply(404) if "operations" in path else honest)
        other = log.copy()
        del other.documents[1:], other.document_notes[1:]
        other.add_document(other.next_document(issued=log.now() + 7_200), [log.log_key])
        log.document_notes, true = other.document_notes, log.document_notes
        clock.advance(seconds=41)
        assert await reader.round() is Verdict.READ
        assert len(await reader.rows("SELECT FROM peer_document")) == 1
        log.document_notes = true
        clock.advance(seconds=41)
        assert await reader.round() is Verdict.READ
        assert len(await reader.rows("SELECT FROM peer_document")) == 2
