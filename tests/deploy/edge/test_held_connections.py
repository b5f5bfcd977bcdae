"""What holds a connection without asking or reading ends, and nobody takes all connections from others."""

import socket
import threading
import time
from contextlib import ExitStack, suppress
from importlib import import_module

import pytest

from deploy.edge import connection as guard
from deploy.edge import loop as guarding
from deploy.edge import open_files
from tests.deploy.edge.small_server import LARGE_BYTES, SERVER, WAIT_S, SmallServer, small_server
from tests.harness.raw import RawConnection
from tests.harness.waiting import wait_until
from web.middleware import leftovers

SHORT_S = 0.2
KEPT_S = 1
"""Uvicorn counts in whole seconds."""


def ask(path: bytes) -> bytes:
    return b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarding, "SWEEP_S", 0.05)


def test_after_a_slow_answer_the_next_request_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The timer of reading ran while the answer was made: after it, what a proxy sent on the connection was lost."""
    monkeypatch.setattr(import_module(f"deploy.servers.on_{SERVER}"), "KEEP_ALIVE_S", KEPT_S)
    with small_server() as server, RawConnection(server.port) as raw, RawConnection(server.port) as idle:
        idle.send(ask(b"/"))
        assert idle.answer().body == b"/"
        raw.send(ask(b"/slow"))
        assert server.is_asked.wait(WAIT_S)
        assert idle.is_ended()  # the time to keep a connection has passed
        server.let_go()
        assert raw.answer().body == b"/slow"
        assert raw.send(ask(b"/next")).answer().body == b"/next"


def test_a_head_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then kept a connection for ever."""
    monkeypatch.setattr(guard, "HEAD_S", SHORT_S)
    with small_server() as server, RawConnection(server.port) as raw, RawConnection(server.port) as silent:
        assert raw.send(b"GET / HTTP/1.1\r\n").answer().body == b"/refused/408/head-too-slow"
        assert raw.is_ended()
        assert silent.is_ended()
        assert wait_until(lambda: server.connections == 0, WAIT_S)


def test_line_ends_alone_begin_no_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack: one line end now and then kept a connection for ever on which nothing was asked."""
    monkeypatch.setattr(guard, "HEAD_S", SHORT_S)
    with small_server() as server, RawConnection(server.port) as raw:
        pause = threading.Event()

        def is_ended() -> bool:
            pause.wait(SHORT_S / 4)
            with suppress(ConnectionError):
                raw.send(b"\r\n")
            return server.connections == 0

        assert wait_until(is_ended, WAIT_S)


def test_an_answer_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that asked and never read kept its connection, and the answer in memory."""
    monkeypatch.setattr(guard, "UNREAD_S", SHORT_S)
    with small_server() as server, RawConnection(server.port) as raw:
        raw.send(ask(b"/large"))
        assert wait_until(lambda: server.connections == 1, WAIT_S)
        assert wait_until(lambda: server.connections == 0, WAIT_S)


def test_an_answer_that_is_read_slowly_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A phone takes minutes for a long list: it reads all the time."""
    unread_s = 3 * SHORT_S  # a busy machine may let this thread wait for as long as one
    monkeypatch.setattr(guard, "UNREAD_S", unread_s)
    with small_server() as server, RawConnection(server.port) as raw:
        begun, read, pause = time.monotonic(), 0, threading.Event()
        raw.send(ask(b"/large"))
        while read < LARGE_BYTES:
            piece = raw.socket.recv(512 * 2**10)
            assert piece
            read += len(piece)
            pause.wait(0.015)
        assert time.monotonic() - begun > 2 * unread_s


def test_a_body_that_the_application_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody took filled a queue of the server, and its connection and tasks stayed for ever."""
    monkeypatch.setattr(leftovers, "LINGER_S", SHORT_S)
    with small_server() as server, RawConnection(server.port) as raw:
        raw.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n" + bytes(2_000_000))
        assert raw.answer().status == 200
        raw.socket.close()
        assert wait_until(lambda: server.connections == 0, WAIT_S)


def fill(server: SmallServer, number: int, address: str, held: ExitStack) -> list[RawConnection]:
    return [
        held.enter_context(RawConnection(server.port, from_address=address)).send(ask(b"/"))
        for _ in range(number)
    ]


def test_one_address_takes_its_share_and_no_more() -> None:
    with small_server(connections=16, of_one_address=8) as server, ExitStack() as held:
        mine = fill(server, 8, "127.0.0.1", held)
        assert [each.answer().status for each in mine] == [200] * 8
        (refused,) = fill(server, 1, "127.0.0.1", held)
        answer = refused.answer()
        assert (answer.status, answer.fields["retry-after"]) == (503, "10")
        (other,) = fill(server, 1, "127.0.0.2", held)
        assert other.answer().status == 200


def test_where_all_are_taken_the_greediest_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that ask nothing more kept everybody else out, as many as the process takes."""
    monkeypatch.setattr(guard, "YIELDS_AFTER_S", 0.0)
    with small_server(connections=12, of_one_address=12) as server, ExitStack() as held:
        mine = fill(server, 12, "127.0.0.1", held)
        assert [each.answer().status for each in mine] == [200] * 12
        (other,) = fill(server, 1, "127.0.0.2", held)
        assert other.answer().status == 200
        assert sum(goes_on(each) for each in mine) == 11


def test_who_asks_now_and_then_keeps_nobody_out() -> None:
    """Attack: two addresses with half of the connections each, and a small request on each of them every four seconds:
    nobody else was answered."""
    with small_server(connections=12, of_one_address=6) as server, ExitStack() as held:
        theirs = [*fill(server, 6, "127.0.0.2", held), *fill(server, 6, "127.0.0.3", held)]
        assert [each.answer().status for each in theirs] == [200] * 12
        (other,) = fill(server, 1, "127.0.0.4", held)
        assert other.answer().status == 200


def test_an_answer_under_way_ends_for_nobody_at_once() -> None:
    with small_server(connections=2, of_one_address=2) as server, ExitStack() as held:
        waiting = [held.enter_context(RawConnection(server.port)) for _ in range(2)]
        for each in waiting:
            each.send(ask(b"/slow"))
        assert wait_until(lambda: not any(each.is_idle for each in server.loop.places.all()), WAIT_S)
        (other,) = fill(server, 1, "127.0.0.2", held)
        assert other.answer().status == 503
        server.let_go()
        assert [each.answer().body for each in waiting] == [b"/slow"] * 2


def goes_on(connection: RawConnection) -> bool:
    try:
        return connection.send(ask(b"/")).answer().status == 200
    except ConnectionError:
        return False


def test_silent_connections_do_not_keep_the_server_from_ending() -> None:
    """The server does not know them: nothing was asked on them."""
    with ExitStack() as held, small_server() as server:
        for _ in range(3):
            held.enter_context(RawConnection(server.port))
        assert wait_until(lambda: server.connections == 3, WAIT_S)


@pytest.mark.parametrize(
    ("files", "is_behind_proxy", "expected"),
    [
        (65_536, False, (4_096, 2_048)),
        (65_536, True, (4_096, 4_096)),
        (1_024, False, (768, 384)),
        (64, False, (16, 8)),
    ],
)
def test_connections_follow_the_limit_of_open_files(
    files: int, is_behind_proxy: bool, expected: tuple[int, int]
) -> None:
    limits = open_files.limits_for(files, is_behind_proxy=is_behind_proxy)
    assert (limits.connections, limits.of_one_address) == expected


def test_a_client_that_leaves_gives_its_place_back_at_once() -> None:
    """Attack by habit: each client that asked once and left kept a place for as long as an idle connection may last; some 70
    of them a second, behind one address, and nobody from there was answered any more."""
    with small_server() as server:
        for _ in range(20):
            with RawConnection(server.port) as raw:
                assert raw.send(ask(b"/")).answer().body == b"/"
        assert wait_until(lambda: server.connections == 0, WAIT_S)


def test_who_has_said_all_is_still_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs end their side after the request, and wait for the answer."""
    monkeypatch.setattr(guard, "ENDS_AFTER_S", SHORT_S)
    with small_server() as server, RawConnection(server.port) as raw:
        raw.send(ask(b"/slow"))
        raw.socket.shutdown(socket.SHUT_WR)
        assert server.is_asked.wait(WAIT_S)
        server.let_go()
        assert raw.answer().body == b"/slow"
        assert raw.is_ended()
        assert wait_until(lambda: server.connections == 0, WAIT_S)


BODY_BEGUN = b"POST /reads HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
HEAD_BEGUN = b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "


@pytest.mark.parametrize("begun", [BODY_BEGUN, HEAD_BEGUN], ids=["bodies", "heads"])
@pytest.mark.parametrize("addresses", [2, 12], ids=["some of each", "one of each"])
def test_who_sends_slowly_keeps_nobody_out(
    monkeypatch: pytest.MonkeyPatch, begun: bytes, addresses: int
) -> None:
    """Attack: a request on each place that never ends, and a byte of it every now and then: for half a minute, and again after
    that, everybody else read 503."""
    monkeypatch.setattr(guard, "YIELDS_AFTER_S", SHORT_S)
    with small_server(connections=12, of_one_address=6) as server, ExitStack() as held:
        theirs = [
            held.enter_context(RawConnection(server.port, from_address=f"127.0.0.{2 + number % addresses}"))
            for number in range(12)
        ]
        for each in theirs:
            each.send(begun)

        def is_answered() -> bool:
            for each in theirs:
                with suppress(ConnectionError):
                    each.send(b"x")
            with RawConnection(server.port, from_address="127.0.0.99") as newcomer:
                return newcomer.send(ask(b"/")).answer().status == 200

        assert wait_until(is_answered, guard.HEAD_S / 2)
        assert wait_until(is_answered, guard.HEAD_S / 2)


def test_who_sends_fast_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive takes minutes: it ends for nobody while it comes."""
    monkeypatch.setattr(guard, "YIELDS_AFTER_S", SHORT_S)
    with small_server(connections=2, of_one_address=2) as server, ExitStack() as held:
        senders = [
            held.enter_context(RawConnection(server.port, from_address=f"127.0.0.{number}")).send(
                b"POST /reads HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n"
            )
            for number in (2, 3)
        ]
        for _ in range(20):
            for each in senders:
                each.send(bytes(1_000_000))
            with RawConnection(server.port, from_address="127.0.0.99") as newcomer:
                assert newcomer.send(ask(b"/")).answer().status == 503
            threading.Event().wait(SHORT_S / 5)
        assert [each.answer().status for each in senders] == [200, 200]
