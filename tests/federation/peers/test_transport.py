"""What a peer makes of the wire: slow, endless, lying about lengths, busy, sending us elsewhere, cut off.

Each attack comes from a real server, with small limits so that no test waits for the real ones. It asserts the verdict,
that nothing of what is known changes, that time and memory are bounded, and that another peer is read on meanwhile.
"""

import asyncio
import gzip
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Final

import pytest

from directory.jobs.host_watch import HostWatch
from directory.jobs.loop import KindLoop
from directory.networks.http import DEFAULT_LIMITS
from directory.networks.limits import Limits
from directory.store.database import Database
from directory.store.host_backoff import HostBackoffStore
from federation.peers.jobs import SLOTS
from federation.peers.tail import MAX_BACKOFF_S, SLOW_FOR, Pace
from federation.peers.verdicts import Verdict
from tests.federation.peers.tailing import Reader, reading
from tests.harness.clock import FakeClock
from tests.harness.peer_log import Lie, LogServer, PeerLog, Reply, log_server

HASTY: Final = Limits(connect_s=0.5, first_byte_s=0.4, total_s=1.0, slow_start_s=0.2)
MAX_ROUND_S: Final = 5.0
MAX_ASKED: Final = 12
MAX_BYTES: Final = 8 * 2**20
HEAD: Final = b"HTTP/1.1 200 OK\r\n"

Write = Callable[[asyncio.StreamWriter], Awaitable[None]]


def raw(data: bytes) -> Write:
    """Sends these bytes, and closes."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return write


def again(begin: bytes, piece: bytes, every_s: float) -> Write:
    """Sends `begin`, then `piece` without end."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(begin)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(every_s)

    return write


async def nothing(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


BOMB: Final = gzip.compress(bytes(64 * 2**20))
CHUNKED: Final = HEAD + b"transfer-encoding: chunked\r\n\r\n"

STREAMS: dict[str, tuple[Write, Verdict]] = {
    "no answer": (nothing, Verdict.UNAVAILABLE),
    "slow headers": (again(HEAD + b"x: ", b"y", 0.02), Verdict.UNAVAILABLE),
    "a byte at a time": (again(HEAD + b"content-length: 900\r\n\r\n", b"y", 0.02), Verdict.UNAVAILABLE),
    "endless headers": (again(HEAD, b"x: y\r\n" * 1_000, 0), Verdict.WRONG),
    "endless chunks": (again(CHUNKED, b"4000\r\n" + bytes(0x4000) + b"\r\n", 0), Verdict.WRONG),
    "endless empty chunk extensions": (again(CHUNKED, b"1;" + b"x" * 4_000, 0), Verdict.WRONG),
    "a gzip bomb": (
        raw(HEAD + f"content-encoding: gzip\r\ncontent-length: {len(BOMB)}\r\n\r\n".encode() + BOMB), Verdict.WRONG),
    "less than the length that it told": (raw(HEAD + b"content-length: 900\r\n\r\nshort"), Verdict.WRONG),
    "more than the length that it told": (raw(HEAD + b"content-length: 5\r\n\r\n" + b"longer" * 9), Verdict.WRONG),
    "a length of 2^63": (raw(HEAD + b"content-length: 9223372036854775808\r\n\r\nx"), Verdict.WRONG),
    "two lengths": (raw(HEAD + b"content-length: 1\r\ncontent-length: 2\r\n\r\nxx"), Verdict.WRONG),
    "not HTTP": (raw(b"220 mail.example ESMTP\r\n"), Verdict.WRONG),
    "the end at once": (raw(b""), Verdict.UNAVAILABLE),
}  # fmt: skip

REPLIES: dict[str, Reply] = {
    "a storm of 429": Reply(429),
    "a storm of 503": Reply(503),
    "429 for a year": Reply(429, headers={"retry-after": "31536000"}),
    "503 until the year 9999": Reply(503, headers={"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}),
    "a wait that is no number": Reply(503, headers={"retry-after": "9" * 400}),
    "a redirect to another host": Reply(301, headers={"location": "https://elsewhere.example/log/checkpoint"}),
    "a redirect to the cloud's secrets": Reply(302, headers={"location": "http://169.254.169.254/latest/meta-data/"}),
    "a redirect to itself": Reply(307, headers={"location": "/log/checkpoint"}),
    "a redirect to nowhere": Reply(308, headers={"location": "//["}),
}  # fmt: skip
LIES: dict[str, tuple[Reply, Verdict]] = {
    **{name: (Reply(write=write), verdict) for name, (write, verdict) in STREAMS.items()},
    **{name: (reply, Verdict.UNAVAILABLE) for name, reply in REPLIES.items()},
}
PLACES: dict[str, str] = {"its checkpoint": "/log/checkpoint", "its entries": "/log/tile/entries/", "its bodies": "/statements/"}  # fmt: skip


def honest_log(clock: FakeClock, host: str = "two.example", people: int = 30) -> PeerLog:
    log = PeerLog(clock, origin=f"{host}/log", host=host)
    log.add_people(people)
    log.publish()
    return log


async def confirm(reader: Reader, server: LogServer, log: PeerLog) -> None:
    await reader.confirm(server.address, log.log_key.vkey, origin=log.origin)


@pytest.mark.parametrize("name", LIES)
async def test_what_comes_over_the_wire_changes_nothing(
    name: str, database: Database, clock: FakeClock
) -> None:
    """A peer holds us up, floods us or sends us elsewhere, with its checkpoint, its entries or its bodies."""
    reply, verdict = LIES[name]
    log = honest_log(clock)
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await confirm(reader, server, log)
        assert await reader.round() is Verdict.READ
        for place, path in PLACES.items():
            known, leaves, asked = await reader.state(), await reader.leaves(), len(server.asked)
            new = log.add_people(300)
            log.publish()
            server.lies = lying(path, reply)
            clock.advance(seconds=41)
            seen = await bounded_round(reader)
            row = await reader.log()
            assert seen is verdict, (place, row["fault"])
            assert len(server.asked) - asked <= MAX_ASKED
            assert row["failures"] == 1
            assert row["next_at"] <= clock.now() + timedelta(seconds=MAX_BACKOFF_S)
            assert await reader.leaves() == leaves
            if place != "its bodies":
                assert await reader.state() == known
            server.lies = None
            clock.advance(hours=1)
            log.publish()
            assert await reader.round() is Verdict.READ
            assert await reader.leaves() == [*leaves, *new]
            await reader.check()


async def test_another_peer_goes_on_beside_each_lie(database: Database, clock: FakeClock) -> None:
    """While one peer lies on the wire, one that is honest is read at the same time, and answers."""
    liar, log = honest_log(clock, "liar.example", 3), honest_log(clock)
    async with (
        log_server(liar.serve) as lying_server,
        log_server(log.serve) as server,
        reading(database, clock) as reader,
    ):
        await confirm(reader, lying_server, liar)
        await confirm(reader, server, log)
        assert await reader.run_due() == 2
        of_liar = await leaves_of(reader, liar)
        for name, (reply, _) in LIES.items():
            lying_server.lies = lying("/log/checkpoint", reply)
            person = log.add_person()
            log.publish()
            clock.advance(hours=1)
            verdicts = await rounds_at_once(reader)
            assert verdicts[log.origin] is Verdict.READ, name
            assert verdicts[liar.origin] is not Verdict.READ, name
            assert (await leaves_of(reader, log))[-1] == person, name
            assert await leaves_of(reader, liar) == of_liar, name
            row = await reader.log(log.origin)
            assert (row["fault"], row["failures"]) == ("", 0), name


async def rounds_at_once(reader: Reader) -> dict[str, Verdict]:
    """Runs a round of each of two peers at the same time, and checks that their time is bounded."""
    jobs = [await reader.logs.claim_due(reader.clock.now()) for _ in range(2)]
    begun, pace = time.monotonic(), Pace(read_for_s=60, ask_for_s=300)
    reader.use(HASTY)
    seen = await asyncio.gather(*(reader.tail.run(job, pace) for job in jobs if job is not None))
    reader.use(DEFAULT_LIMITS)
    assert time.monotonic() - begun < MAX_ROUND_S
    return {job.peer.origin: verdict for job, verdict in zip(jobs, seen, strict=True) if job is not None}


async def leaves_of(reader: Reader, log: PeerLog) -> list[int]:
    rows = await reader.rows(
        "SELECT leaf FROM mapping m JOIN origin o ON o.id = m.origin WHERE o.name = $1 AND m.state = 1 ORDER BY leaf",
        log.origin,
    )
    return [row["leaf"] for row in rows]


def lying(part: str, reply: Reply) -> Lie:
    return lambda path, honest: reply if part in path else honest


async def bounded_round(reader: Reader) -> Verdict:
    """Runs one round under small limits, and checks that its time and memory are bounded."""
    begun = time.monotonic()
    reader.use(HASTY)
    tracemalloc.start()
    try:
        return await reader.round()
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        reader.use(DEFAULT_LIMITS)
        assert peak < MAX_BYTES
        assert time.monotonic() - begun < MAX_ROUND_S


@pytest.mark.parametrize("tenth", range(1, 10))
async def test_a_transfer_that_is_cut_goes_on(tenth: int, database: Database, clock: FakeClock) -> None:
    """The connection is cut in the middle of an answer, at each tenth of a first sync: what was stored is not fetched twice."""
    log = honest_log(clock, people=700)
    log.revoke(5)
    log.publish()
    paths = ["/log/checkpoint", "/log/operations/0", *(f"/log/tile/entries/00{at}" for at in range(2))]
    paths += ["/log/tile/entries/002.p/190", *(f"/federation/v1/statements/00{at}" for at in range(2))]
    paths += ["/federation/v1/statements/002.p/190"]
    whole = sum([len(await log.serve(path) or b"") for path in paths])
    sent = cut = 0

    def lie(_: str, honest: Reply) -> Reply:
        nonlocal sent, cut
        size, before = len(honest.body), sent
        sent += size
        if not cut and before <= whole * tenth // 10 < sent:
            cut += 1
            head = HEAD + f"content-length: {size}\r\n\r\n".encode()
            return Reply(write=raw(head + honest.body[: whole * tenth // 10 - before]))
        return honest

    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await confirm(reader, server, log)
        server.lies = lie
        assert await reader.round() in {Verdict.WRONG, Verdict.UNAVAILABLE}
        assert cut == 1
        row, asked = await reader.log(), len(server.asked)
        clock.advance(hours=1)
        log.publish()
        assert await reader.round() is Verdict.READ, (await reader.log())["fault"]
        again = server.asked[asked:]
        assert not any("/tile/" in path for path in again) or row["size"] == 0
        assert not any("/statements/" in path for path in again) or row["bodies_size"] == 0
        assert await reader.leaves() == [leaf for leaf in range(1, 701) if leaf != 5]
        await reader.check()


async def test_slow_peers_keep_no_other_waiting(database: Database, clock: FakeClock) -> None:
    """As many peers as there are slots, and more, answer so slowly that each round takes minutes, and never fail: a withdrawal at
    another peer waited for all of them, round after round."""
    log, held = honest_log(clock), asyncio.Event()
    slow = [honest_log(clock, f"slow{number}.example", 3) for number in range(SLOTS + 2)]

    async def holds(path: str) -> None:
        if "entries" in path:
            await held.wait()

    log_was_read = asyncio.Event()

    async def sees(path: str) -> None:
        if "statements" in path:
            log_was_read.set()

    async with log_server(log.serve) as server, reading(database, clock) as reader:
        server.before = sees
        servers = [log_server(each.serve) for each in slow]
        try:
            for each, making in zip(slow, servers, strict=True):
                theirs = await making.__aenter__()
                theirs.before = holds
                await confirm(reader, theirs, each)
            await reader.rows("UPDATE peer_log SET slow_until = $1", clock.now() + SLOW_FOR)
            await confirm(reader, server, log)
            [kind] = reader.jobs.kinds()
            loop = KindLoop(
                kind, partial(HostWatch, HostBackoffStore(database), clock, frozenset()), asyncio.Semaphore(1)
            )
            running = asyncio.create_task(loop.run())
            async with asyncio.timeout(10):
                await log_was_read.wait()
            assert loop.running == 3, "two of the slow ones, and this one"
            loop.stop()
            held.set()
            await running
        finally:
            held.set()
            for making in servers:
                await making.__aexit__(None, None, None)


async def test_who_takes_long_goes_on_among_the_slow_ones(database: Database, clock: FakeClock) -> None:
    """A round whose time is over in the middle of a step is no fault at first, and the peer is read among the slow ones;
    who has no time enough there either is left alone for a while."""
    log = honest_log(clock)
    async with log_server(log.serve) as server, reading(database, clock) as reader:
        await confirm(reader, server, log)
        job = await reader.logs.claim_due(clock.now())
        assert job is not None
        assert not job.is_slow
        assert await reader.tail.run(job, Pace(read_for_s=5, ask_for_s=0)) is Verdict.MORE
        assert (await reader.log())["failures"] == 0
        job = await reader.logs.claim_due(clock.now())
        assert job is not None
        assert job.is_slow
        assert await reader.logs.claim_due(clock.now()) is None
        assert await reader.tail.run(job, Pace(read_for_s=5, ask_for_s=0)) is Verdict.UNAVAILABLE
        row = await reader.log()
        assert row["failures"] == 1
        assert "too slowly" in row["fault"]
        clock.advance(minutes=2)
        assert await reader.round() is Verdict.READ
        clock.advance(minutes=10)
        job = await reader.logs.claim_due(clock.now())
        assert job is not None
        assert not job.is_slow
