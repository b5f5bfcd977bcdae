"""Plain exchanges are the same as h11's, to the byte: what the application is handed, what is sent, and when it ends."""

import asyncio
import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.typing import ConnectionState
from hypothesis import assume, given
from hypothesis import strategies as st

from deploy import web_server
from deploy.servers import on_hypercorn
from deploy.servers.bounds import GRACEFUL_S
from deploy.servers.dated_config import DatedConfig
from deploy.servers.plain_answers import JOINED_BYTES
from deploy.servers.plain_exchanges import PlainExchanges
from deploy.servers.plain_heads import PlainRequest
from tests.deploy.edge.small_server import small_server
from tests.harness.raw import RawConnection

WAIT_S = 30
Fields = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Answer:
    """What the application says to one request."""

    status: int = 200
    fields: Fields = field(default_factory=list)
    pieces: Sequence[bytes] = (b"",)
    fails: bool = False
    """At the end, instead of ending."""
    reads: bool = False
    """The request, before it answers."""
    waits: bool = False
    """Until it is let go, before it answers."""
    pauses: bool = False
    """Until it is let go, before the last piece."""
    method: str = ""
    """Written into the scope, as some middleware does."""
    once: bool = False
    """The fields can be read once."""


@dataclass
class Seen:
    """What one connection came to."""

    asked: list[Any] = field(default_factory=list)
    sent: bytes = b""
    is_closed: bool = False


class Dateless(DatedConfig):
    """The date would differ between two runs."""

    def response_headers(self, protocol: str) -> Fields:
        return [(b"date", b"today")]


class Connection:
    """A connection of Hypercorn's, without its socket."""

    def __init__(
        self,
        protocol: type[H11Protocol],
        answers: Sequence[Answer],
        most: int = 1_000,
        waits_to_be_watched: bool = False,
    ) -> None:
        self.seen = Seen()
        self.let_go = asyncio.Event()
        self._was_told = asyncio.Event()
        self.told: list[bool] = []
        self._answers = answers
        self._waits_to_be_watched = waits_to_be_watched
        self._protocol = protocol
        self._config = Dateless()
        self._config.errorlog = None
        self._config.keep_alive_max_requests = most
        self.context = WorkerContext(None)

    async def take(
        self, pieces: Sequence[bytes], *, settles: bool, ends: bool, is_cancelled: bool = False
    ) -> Seen:
        """Hands on what a client sends, a piece at a time: after the answer to the one before where it settles, and else at once."""
        async with TaskGroup(asyncio.get_running_loop()) as tasks:
            self.protocol: Any = self._protocol(
                ASGIWrapper(self._application),
                self._config,
                self.context,
                tasks,
                ConnectionState({}),
                False,
                ("127.0.0.1", 1),
                ("127.0.0.1", 2),
                self._send,
            )
            for piece in [*pieces, *([b""] if ends else [])]:
                if not self.seen.is_closed:
                    await asyncio.wait_for(self.protocol.handle(RawData(piece)), WAIT_S)
                if settles:
                    await settle()
                if self._waits_to_be_watched:
                    await asyncio.wait_for(self._is_watched(), WAIT_S)
            if not ends:
                await settle()
            if is_cancelled:
                raise asyncio.CancelledError
            await self.protocol.handle(Closed())
        return self.seen

    async def _is_watched(self) -> None:
        self._was_told.clear()
        while not self.told[-1]:
            await self._was_told.wait()

    async def _send(self, event: Event) -> None:
        if isinstance(event, RawData):
            assert not self.seen.is_closed
            self.seen.sent += event.data
        elif isinstance(event, Updated):
            self.told.append(event.idle)
            self._was_told.set()
        else:
            self.seen.is_closed = True

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        answer = self._answers[len(self.seen.asked) % len(self._answers)]
        self.seen.asked.append({name: value for name, value in scope.items() if name != "state"})
        if answer.waits:
            await self.let_go.wait()
        if answer.reads:
            while (message := await receive()).get("more_body"):
                self.seen.asked.append(message)
        scope["method"] = answer.method or scope["method"]
        fields = iter(answer.fields) if answer.once else answer.fields
        await send({"type": "http.response.start", "status": answer.status, "headers": fields})
        for number, piece in enumerate(answer.pieces, 1):
            is_last = number == len(answer.pieces) and not answer.fails
            if answer.pauses and is_last:
                await self.let_go.wait()
            await send({"type": "http.response.body", "body": piece, "more_body": not is_last})
        if answer.fails:
            raise RuntimeError


async def settle() -> None:
    """Lets everything run that can."""
    for _ in range(50):
        await asyncio.sleep(0)


def sized(*pieces: bytes) -> Answer:
    return Answer(fields=[(b"content-length", b"%d" % sum(map(len, pieces)))], pieces=pieces)


PLAIN = b"GET /a?b=%20 HTTP/1.1\r\nHost: x.example\r\nAccept:  */* \r\n\r\n"
HEAD = b"HEAD /%C3%A9 HTTP/1.1\r\nHOST: x\r\nX-Empty:\r\n\r\n"
KEPT = b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: Keep-Alive\r\n\r\n"
"""As browsers ask."""
REQUESTS = [
    PLAIN,
    HEAD,
    KEPT,
    PLAIN + PLAIN,
    PLAIN[:20],
    PLAIN[20:],
    b"\r\n" + PLAIN,
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, close\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.0\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    b"GET / HTTP/1.1\r\nAccept: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX: y\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na",
    b"bc",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
    b"not http\r\n\r\n",
]
WHOLE = [
    sized(b"{}"),
    sized(b""),
    sized(b"a", b"", b"b"),
    sized(bytes(JOINED_BYTES + 1), b"b"),
    Answer(pieces=[b"chunks", b"more"]),
    Answer(fields=[(b"content-length", b"1"), (b"content-length", b"1")], pieces=[b"a"]),
    Answer(fields=[(b"content-length", b"1"), (b"transfer-encoding", b"chunked")], pieces=[b"a"]),
    Answer(fields=[(b"content-length", b"1"), (b"connection", b"close")], pieces=[b"a"]),
    Answer(fields=[(b"content-length", b"1"), (b"x-odd", b" \tblanks around \t"), (b"x-none", b"")], pieces=[b"a"]),
    Answer(204),
    Answer(304, [(b"etag", b'"a"')]),
    Answer(304, [(b"content-length", b"9")]),
    Answer(404, [(b"content-length", b"4")], [b"none"], reads=True),
    Answer(200, [(b"x-once", b"a")], [b"chunks"], once=True),
    Answer(999, [(b"content-length", b"1")], [b"a"]),
]  # fmt: skip
BROKEN = [
    Answer(fields=[(b"Content-Length", b"3")], pieces=[b"too long"]),
    Answer(fields=[(b"content-length", b"3")], pieces=[b"a"]),
    Answer(fields=[(b"content-length", b"x")], pieces=[b"a"]),
    Answer(fields=[(b"content-length", b"1"), (b"X-Split", b"a\r\nSet-Cookie: b")], pieces=[b"a"]),
    Answer(fields=[(b"content-length", b"1"), (b"X-Split", b"a\nSet-Cookie: b")], pieces=[b"a"]),
    Answer(fields=[(b"content-length", b"1"), (b"X-Split", b"a\rSet-Cookie: b")], pieces=[b"a"]),
    Answer(fields=[(b"content-length", b"1"), (b"X Name", b"a")], pieces=[b"a"]),
    Answer(103, [(b"content-length", b"0")]),
    Answer(1000, [(b"content-length", b"0")]),
    Answer(500, [(b"content-length", b"4")], [b"no"], fails=True),
    Answer(200, [(b"content-length", b"4")], [b"done"], fails=True),
    Answer(200, [(b"content-length", b"4")], [], fails=True),
    Answer(200, [], [b"begun"], fails=True),
]
ANSWERS = [*WHOLE, *BROKEN]


async def seen_by(
    protocol: type[H11Protocol],
    pieces: Sequence[bytes],
    answers: Sequence[Answer],
    *,
    settles: bool = True,
    ends: bool = True,
    most: int = 1_000,
) -> Seen:
    return await Connection(protocol, answers, most).take(pieces, settles=settles, ends=ends)


@given(
    st.lists(st.sampled_from(REQUESTS), max_size=4),
    st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=3),
    st.booleans(),
    st.booleans(),
    st.sampled_from([1, 2, 3, 1_000]),
)
def test_exchanges_are_as_h11_has_them(
    pieces: list[bytes], answers: list[Answer], settles: bool, ends: bool, most: int
) -> None:
    # Hypercorn waits for ever where an answer breaks off before a request that it has read: the test below.
    reads_ahead = not settles or any(piece.count(b" HTTP/1.1") > 1 for piece in pieces)
    assume(not (reads_ahead and any(answer in BROKEN for answer in answers)))
    ours, theirs = (
        asyncio.run(seen_by(protocol, pieces, answers, settles=settles, ends=ends, most=most))
        for protocol in (PlainExchanges, H11Protocol)
    )
    assert ours == theirs


@pytest.mark.parametrize("settles", [True, False])
@pytest.mark.parametrize("number", range(len(ANSWERS)))
async def test_each_answer_is_as_h11_has_it(number: int, settles: bool) -> None:
    pieces = [PLAIN] if ANSWERS[number] in BROKEN else [PLAIN, HEAD, PLAIN]
    ours = await seen_by(PlainExchanges, pieces, [ANSWERS[number]], settles=settles)
    assert ours == await seen_by(H11Protocol, pieces, [ANSWERS[number]], settles=settles)
    assert ours.asked


@pytest.mark.parametrize("settles", [True, False])
@pytest.mark.parametrize("number", range(len(REQUESTS)))
async def test_each_request_is_as_h11_has_it(number: int, settles: bool) -> None:
    pieces, answers = [PLAIN, REQUESTS[number], PLAIN], [ANSWERS[0], ANSWERS[4]]
    ours = await seen_by(PlainExchanges, pieces, answers, settles=settles)
    assert ours == await seen_by(H11Protocol, pieces, answers, settles=settles)


@pytest.mark.parametrize(
    ("asked", "before"),
    [(PLAIN + PLAIN, 1), (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 0)],
)
async def test_who_has_ended_their_side_with_the_request_is_not_watched(asked: bytes, before: int) -> None:
    """Attack: the end came with the request, and h11 did not hear of it. After the answer the connection was kept as an idle one,
    with its tasks, when the guard had given its place back long before."""
    quick, slow = sized(b"{}"), Answer(fields=[(b"content-length", b"0")], pieces=[b""], waits=True)
    connection = Connection(PlainExchanges, [*[quick] * before, slow])
    taking = asyncio.create_task(connection.take([asked], settles=False, ends=False))
    for _ in range(3):
        await settle()
    assert connection.protocol.can_read.is_over
    assert connection.seen.sent.count(b"HTTP/1.1 200") == before
    connection.let_go.set()
    seen = await taking
    assert seen.sent.count(b"HTTP/1.1 200") == before + 1
    assert not connection.told[-1]
    assert seen.is_closed


async def test_a_connection_that_was_cancelled_is_not_watched() -> None:
    """Its protocol does not hear of it while it reads. When its timer was due, a task was asked of a group that had ended."""
    connection = Connection(PlainExchanges, [sized(b"{}")])
    with pytest.raises(asyncio.CancelledError):
        await connection.take([PLAIN], settles=False, ends=False, is_cancelled=True)
    assert connection.seen.sent
    connection.protocol._timer.cancel()
    connection.protocol._look()
    gc.collect()
    assert connection.told == [False]


def test_a_server_ends_though_somebody_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waited for the end of their connection, for as long as they read a little now and then."""
    monkeypatch.setattr(web_server, "ENDS_ALL_AFTER_S", 0.2)
    monkeypatch.setattr(on_hypercorn, "GRACEFUL_S", 0.1)
    with small_server() as server, RawConnection(server.port) as raw:
        raw.send(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert raw.socket.recv(1)
        server.stop()


def test_a_server_that_ends_ends_idle_connections_at_once() -> None:
    """Well before the time that an answer under way has, and that a kept connection may be idle."""
    with small_server() as server, RawConnection(server.port) as raw:
        assert raw.send(PLAIN).answer().status == 200
        started = time.monotonic()
        server.stop()
        assert raw.is_ended()
        assert time.monotonic() - started < GRACEFUL_S / 2


def test_hypercorn_makes_its_connections_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named in a module of its own: another release may not look there."""
    asked = []
    ask = PlainExchanges._ask

    async def ask_and_tell(self: PlainExchanges, request: PlainRequest, raw: bytes) -> None:
        asked.append(request.target)
        await ask(self, request, raw)

    monkeypatch.setattr(PlainExchanges, "_ask", ask_and_tell)
    with small_server() as server, RawConnection(server.port) as raw:
        assert raw.send(PLAIN).answer().status == 200
    assert asked == [b"/a?b=%20"]
