"""What a lying peer makes of its history, its keys, and the bytes of its tiles and bundles.

Each case is served by a real HTTP server to a reader that has read an honest log before. It asserts the verdict, that
nothing of what is known changes (but the evidence and the standing of a log that has forked), that the work is bounded,
and that the honest log is read on afterwards.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from directory.origins import Standing
from directory.store.database import Database
from federation.keys.equivocation import open_evidence
from federation.keys.evidence import Evidence
from federation.peers.verdicts import Verdict
from federation.tlog.checkpoint import Checkpoint, sign_checkpoint
from federation.tlog.keys import KeyKind, PrivateKey
from federation.tlog.merkle import EMPTY_ROOT
from federation.tlog.note import Signature, parse_note
from tests.federation.peers.tailing import Reader, reading
from tests.harness.clock import FakeClock
from tests.harness.peer_log import ORIGIN, Lie, LogServer, PeerLog, Reply, key, log_server
from tests.vectors.fixed import make_seed

MAX_ASKED = 40
"""Requests of a round that ends with a fault, and of all that follows from it."""


def on(path: str, change: Callable[[bytes], bytes]) -> Lie:
    """Changes what is served under the paths that begin so."""

    def lie(asked: str, honest: Reply) -> Reply:
        if asked.startswith(path) and honest.status == 200:
            return Reply(200, change(honest.body))
        return honest

    return lie


def checkpoint(note: bytes) -> Lie:
    return on("/log/checkpoint", lambda _: note)


def gone(path: str) -> Lie:
    return lambda asked, honest: Reply(404) if asked.startswith(path) else honest


@dataclass
class Peer:
    """A peer whose first 700 leaves were read, and which has grown to 900."""

    log: PeerLog
    before: bytes
    """The checkpoint that was read."""
    earlier: bytes
    """One from before, over 400 leaves."""
    forked: PeerLog
    """What goes on from leaf 500 in another way, to 700 leaves. Not published."""
    server: LogServer = field(repr=False)

    def serve_fork(self, size: int, cut: int | None = None) -> Lie:
        """Serves the other log altogether, at this size."""
        self.forked.noise(size - len(self.forked.entries))
        self.forked.publish()
        self.server.serve = self.forked.serve
        return lambda _, honest: honest

    def extended(self) -> bytes:
        made = Checkpoint(ORIGIN, 900, self.log.root(900), ("one more line", "another"))
        return bytes(sign_checkpoint(made, [self.log.log_key]))


async def prepare(clock: FakeClock, reader: Reader, log: PeerLog, server: LogServer) -> Peer:
    people = log.add_people(200)
    log.noise(199)
    log.publish()
    earlier = log.note
    log.add_people(50)
    log.revoke(people[3])
    log.noise(500 - len(log.entries))
    forked = log.copy()
    forked.noise(1)
    forked.add_people(199)
    log.noise(200)
    log.publish()
    await reader.confirm(server.address, log.log_key.vkey)
    assert await reader.round() is Verdict.READ
    before = log.note
    clock.advance(seconds=60)
    log.add_people(100)
    log.revoke(people[5])
    log.noise(900 - len(log.entries))
    log.publish()
    return Peer(log, before, earlier, forked, server)


def bit_of(at: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def other_id_key(log: PeerLog) -> bytes:
    """A line under the name and the key id of the log's key, by another key."""
    note = log.sign(keys=[key("stranger")])
    line = note.signatures[0]
    return (
        note.text.encode()
        + b"\n"
        + str(Signature(line.name, log.log_key.vkey.key_id, line.payload)).encode()
        + b"\n"
    )


def many_lines(log: PeerLog) -> bytes:
    note = log.sign()
    return note.text.encode() + b"\n" + (str(note.signatures[0]) + "\n").encode() * 101


def stranger_log(log: PeerLog) -> bytes:
    other = PrivateKey("three.example/log", KeyKind.NOTE, make_seed("stranger"))
    return bytes(sign_checkpoint(Checkpoint("three.example/log", 900, log.root(900)), [other]))


def signed_by_other_peer(log: PeerLog) -> bytes:
    other = PrivateKey("three.example/log", KeyKind.NOTE, make_seed("stranger"))
    text = str(Checkpoint(ORIGIN, 900, log.root(900)))
    return (
        text.encode()
        + b"\n"
        + str(Signature(other.name, other.vkey.key_id, other.seed.sign(text.encode()))).encode()
        + b"\n"
    )


def false_line_of_own(log: PeerLog) -> bytes:
    """True, and beside it a second line of the log's own key that is false."""
    note = log.sign()
    line = note.signatures[0]
    false = Signature(line.name, line.key_id, bytes(64))
    return note.text.encode() + f"\n{line}\n{false}\n".encode()


def signed(peer: Peer, size: int, root: bytes) -> bytes:
    return bytes(peer.log.cosigned(peer.log.sign(size, root=root)))


def unsigned(log: PeerLog) -> bytes:
    return str(Checkpoint(ORIGIN, 900, log.root(900))).encode() + b"\n"


def size_2_63(log: PeerLog) -> bytes:
    text = f"{ORIGIN}\n{2**63}\n{str(Checkpoint(ORIGIN, 0, EMPTY_ROOT)).splitlines()[2]}\n"
    line = Signature(ORIGIN, log.log_key.vkey.key_id, log.log_key.seed.sign(text.encode()))
    return f"{text}\n{line}\n".encode()


SWAP = 35


def swapped(data: bytes) -> bytes:
    """Swaps the last two entries of a bundle."""
    return data[: -2 * SWAP] + data[-SWAP:] + data[-2 * SWAP : -SWAP]


def other_revokes(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 255])


BUNDLES = "/log/tile/entries/"
LAST = "/log/tile/entries/003"

CASES: dict[str, tuple[Callable[[Peer], Lie], Verdict]] = {
    "a split view at one size": (lambda p: checkpoint(signed(p, 700, b"\7" * 32)), Verdict.FORKED),
    "a fork at an older size": (lambda p: checkpoint(signed(p, 600, b"\7" * 32)), Verdict.FORKED),
    "a fork at an older size, of a power of two": (lambda p: checkpoint(signed(p, 512, b"\7" * 32)), Verdict.FORKED),
    "a fork that grows": (lambda p: p.serve_fork(800), Verdict.FORKED),
    "a fork of the same size": (lambda p: p.serve_fork(700), Verdict.FORKED),
    "rewound to an old valid checkpoint": (lambda p: checkpoint(p.earlier), Verdict.STALE),
    "size 0 after growth": (lambda p: checkpoint(signed(p, 0, EMPTY_ROOT)), Verdict.STALE),
    "size 0 with a root": (lambda p: checkpoint(signed(p, 0, b"\7" * 32)), Verdict.FORKED),
    "size 2^63": (lambda p: checkpoint(size_2_63(p.log)), Verdict.WRONG),
    "size 2^63 - 1": (lambda p: checkpoint(signed(p, 2**63 - 1, b"\7" * 32)), Verdict.WRONG),
    "size 2^39": (lambda p: checkpoint(signed(p, 2**39, b"\7" * 32)), Verdict.UNAVAILABLE),
    "another root for the new size": (lambda p: checkpoint(signed(p, 900, b"\7" * 32)), Verdict.WRONG),
    "a checkpoint ahead of its tiles": (lambda _: gone("/log/tile/"), Verdict.UNAVAILABLE),
    "the wrong origin": (lambda p: checkpoint(stranger_log(p.log)), Verdict.WRONG),
    "another peer's valid key": (lambda p: checkpoint(signed_by_other_peer(p.log)), Verdict.WRONG),
    "the same name with another key": (
        lambda p: checkpoint(bytes(p.log.sign(keys=[key("stranger")]))), Verdict.WRONG),
    "the same key id with another key": (lambda p: checkpoint(other_id_key(p.log)), Verdict.WRONG),
    "no signature": (lambda p: checkpoint(unsigned(p.log)), Verdict.WRONG),
    "an announced key that no document names": (
        lambda p: checkpoint(bytes(p.log.sign(keys=[key("next")]))), Verdict.WRONG),
    "101 signatures": (lambda p: checkpoint(many_lines(p.log)), Verdict.WRONG),
    "a false line of its own beside a true one": (lambda p: checkpoint(false_line_of_own(p.log)), Verdict.WRONG),
    "a page of HTML as the checkpoint": (lambda _: checkpoint(b"<!DOCTYPE html><p>Welcome"), Verdict.WRONG),
    "a page of HTML as each bundle": (lambda _: on(BUNDLES, lambda _: b"<!DOCTYPE html>"), Verdict.WRONG),
    "a bit of a bundle flipped": (lambda _: on(LAST, bit_of(40)), Verdict.DAMAGED),
    "a bit flipped in what was read before": (lambda _: on("/log/tile/entries/002", bit_of(40)), Verdict.DAMAGED),
    "a length flipped": (lambda _: on(LAST, bit_of(1)), Verdict.WRONG),
    "entries swapped": (lambda _: on(LAST, swapped), Verdict.DAMAGED),
    "a bundle cut short": (lambda _: on(BUNDLES, lambda data: data[:-1]), Verdict.WRONG),
    "a bundle one entry short": (lambda _: on(BUNDLES, lambda data: data[:-35]), Verdict.WRONG),
    "a byte more": (lambda _: on(BUNDLES, lambda data: data + b"\0"), Verdict.WRONG),
    "an entry more": (lambda _: on(BUNDLES, lambda data: data + data[:35]), Verdict.WRONG),
    "the bundle of another number": (
        lambda p: on(LAST, lambda data: p.log.entries[1].join([b""]) or data[:0]
                     + b"".join(b"\0\x21" + e for e in p.log.entries[: len(data) // 35])), Verdict.DAMAGED),
    "a redirect": (
        lambda _: lambda asked, honest: Reply(302, b"", {"location": "/elsewhere"}), Verdict.UNAVAILABLE),
    "503 for everything": (lambda _: lambda *_: Reply(503), Verdict.UNAVAILABLE),
    "429 for a year": (
        lambda _: lambda *_: Reply(429, b"", {"retry-after": "31536000"}), Verdict.UNAVAILABLE),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_a_lie_about_history_changes_nothing(name: str, database: Database, clock: FakeClock) -> None:
    """A peer that lies is found out, and gets nothing for it; one that has only a bad day is read again."""
    lie, verdict = CASES[name]
    log = PeerLog(clock)
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        peer = await prepare(clock, reader, log, server)
        known, asked = await reader.state(), len(server.asked)
        server.lies = lie(peer)
        seen = await reader.round()
        row = await reader.log()
        assert seen is verdict, row["fault"]
        assert row["fault"] != ""
        assert row["failures"] == 1
        assert len(server.asked) - asked <= MAX_ASKED
        after = await reader.state()
        evidence, _ = after.pop("peer_evidence"), known.pop("peer_evidence")
        if verdict is Verdict.FORKED:
            assert await reader.standing() is Standing.FROZEN
            proof = open_evidence(Evidence.parse(evidence[0]["file"]), [log.log_key.vkey])
            assert proof.is_proven
            del after["origin"], known["origin"]
            assert after == known
            clock.advance(days=1)
            assert await reader.logs.claim_due(clock.now()) is None
            return
        assert not evidence
        assert after == known
        server.lies, server.serve = None, log.serve
        clock.advance(hours=2)
        log.publish()
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        assert (await reader.log())["size"] == 900
        assert (await reader.log())["failures"] == 0
        await reader.check()


HONEST: dict[str, Callable[[Peer], Lie]] = {
    "extension lines": lambda p: checkpoint(p.extended()),
    "a duplicate signature": lambda p: checkpoint(p.log.note + p.log.note.splitlines(keepends=True)[-2]),
    "a forged line under our own witness name": lambda p: checkpoint(
        bytes(parse_note(p.log.note).signed_also([Signature("one.example/witness", b"abcd", bytes(72))]))
    ),
    "partial bundles gone, full there": lambda _: lambda asked, honest: honest,
}


@pytest.mark.parametrize("name", HONEST)
async def test_what_is_odd_and_true_is_read(name: str, database: Database, clock: FakeClock) -> None:
    log = PeerLog(clock)
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        peer = await prepare(clock, reader, log, server)
        server.lies = HONEST[name](peer)
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        assert (await reader.log())["size"] == 900
        assert b"one.example" not in (await reader.log())["note"]
        await reader.check()
