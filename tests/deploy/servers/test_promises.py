"""The same promises, whichever server answers: headers, HEAD, limits, bodies, kept connections, a clean stop, a frozen database."""

import secrets
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx
import pytest

from deploy.embedded.locks import wait_until
from deploy.ports import free_port
from directory.settings import Server
from tests.deploy.edge.small_server import WAIT_S, small_server
from tests.deploy.edge.test_frozen_database import frozen
from tests.deploy.embedded.programs import server_processes
from tests.deploy.ready import put_database
from tests.harness.command import Command, Started
from tests.harness.forking import Forks
from tests.harness.no_tls import NO_TLS
from tests.harness.raw import RawConnection
from web.middleware import bodies

LOOKUP: Final = b"GET /api/v1/lookup?x=@nobody HTTP/1.1\r\nHost: x\r\n\r\n"
SERVERS: Final = [pytest.param(server, id=server) for server in Server]
GUARDED: Final = [Server.HYPERCORN, Server.UVICORN]
IN_CHUNKS: Final = b"POST /reads HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Server:
    chosen: Server = request.param
    return chosen


@pytest.fixture(scope="module")
def place(folder: Path, server: Server) -> Command:
    """A folder and a port for each server."""
    here = (
        folder / f"{server}-{secrets.token_hex(4)}"
    )  # each may be set up again, in whatever order the tests come
    here.mkdir()
    put_database(here / "data")
    settings = {"data": str(here / "data"), "port": str(free_port()), "metrics_port": str(free_port())}
    return Forks(here, {**settings, "server": server, "rate_sign_ins_per_minute": "3", "upload_max_mb": "1"})


@pytest.fixture(scope="module")
def running(place: Command) -> Iterator[Started]:
    with place.started("serve") as started:
        started.wait_until_ready(url_of(place))
        yield started
        started.send(signal.SIGINT)
        assert started.wait() == 0
    assert "Traceback" not in started.logged()


def url_of(place: Command) -> str:
    return f"http://127.0.0.1:{place.settings['port']}"


@pytest.fixture
def port(place: Command, running: Started) -> int:
    assert running.process.poll() is None
    return int(place.settings["port"])


@pytest.fixture
def client(place: Command, running: Started) -> Iterator[httpx.Client]:
    assert running.process.poll() is None
    with httpx.Client(base_url=url_of(place), trust_env=False, verify=NO_TLS) as made:
        yield made


def test_headers_are_ours_alone(client: httpx.Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers.get("server") in {None, "passerelle"}, (
        "which server it is, and in which version, is nobody's concern"
    )
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert len(answer.headers.get_list("date")) == 1


def test_head_says_what_get_would_and_sends_nothing(port: int) -> None:
    with RawConnection(port) as raw:
        got = raw.send(LOOKUP).answer()
        head = raw.send(LOOKUP.replace(b"GET", b"HEAD")).answer(of_head=True)
        assert (head.status, head.fields["content-length"]) == (200, got.fields["content-length"])
        assert raw.send(LOOKUP).answer().body == got.body, "nothing came in between"


def test_a_connection_is_kept_for_many_requests_and_a_row_of_them(port: int) -> None:
    with RawConnection(port) as raw:
        for _ in range(20):
            assert raw.send(LOOKUP).answer().status == 200
        raw.send(LOOKUP * 5)
        assert [raw.answer().status for _ in range(5)] == [200] * 5


def test_limits_and_their_headers(client: httpx.Client) -> None:
    answer = client.get("/api/v1/lookup?x=@nobody")
    assert answer.headers["ratelimit-policy"] == '"requests";q=300;w=60'
    signed_in = [client.post("/sign-in", data={}).status_code for _ in range(5)]
    assert 500 not in signed_in
    missing = client.get("/api/v1/lookup")
    assert missing.status_code == 400
    assert missing.headers["content-type"] == "application/problem+json"


def test_a_body_that_is_too_large_is_refused_and_the_next_request_is_its_own(port: int) -> None:
    """What is left of a refused body must never be read as a request (smuggling)."""
    body = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 100_000
    head = b"POST /api/v1/match HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with RawConnection(port) as raw:
        raw.send(head % len(body))
        with suppress(ConnectionError):
            raw.socket.sendall(body)
        try:
            assert raw.answer().status in {400, 413}
            raw.send(LOOKUP)
            assert raw.answer().fields["content-type"] == "application/json"
        except (AssertionError, ConnectionError):
            assert raw.is_ended(), "or the connection ends"


def test_a_body_in_chunks_is_read(client: httpx.Client) -> None:
    pieces = iter([b'{"pairs": [["783214", ', b'"x"]]}'])
    answer = client.post("/api/v1/match", content=pieces, headers={"content-type": "application/json"})
    assert answer.status_code == 200


def test_one_who_ends_their_side_has_the_answer(port: int, server: Server) -> None:
    """As `nc -N` does. Granian takes it for the end of the connection, where it sees it before it has answered."""
    with RawConnection(port) as raw:
        raw.send(LOOKUP.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        raw.socket.shutdown(socket.SHUT_WR)
        if server in GUARDED:
            assert raw.answer().status == 200
        else:
            assert raw.read_to_end()[:15] in {b"", b"HTTP/1.1 200 OK"}


def test_a_database_that_does_not_answer(place: Command, port: int, client: httpx.Client) -> None:
    data = Path(place.settings["data"])
    with RawConnection(port) as raw:
        assert raw.send(LOOKUP).answer().status == 200
        with frozen(server_processes(data)):
            assert raw.send(LOOKUP).answer().status == 503
            assert client.get("/healthz").status_code == 200
        assert wait_until(lambda: client.get("/readyz", timeout=10).status_code == 200, 30)


@pytest.mark.parametrize("server_name", SERVERS)
def test_a_body_that_stops_ends(server_name: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The application's own clock, which no server has to have."""
    monkeypatch.setattr(bodies, "SLOW_AFTER_S", 0.2)
    with small_server(server_name=server_name) as small, RawConnection(small.port) as raw:
        raw.send(b"POST /reads HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
        assert wait_until(lambda: small.slow_bodies == 1, WAIT_S)


@pytest.mark.parametrize("server_name", SERVERS)
def test_what_follows_the_last_chunk_is_no_header(server_name: Server) -> None:
    """Attack: a proxy writes its header into the head, and passes on the caller's own after the body."""
    with small_server(server_name=server_name) as small, RawConnection(small.port) as raw:
        raw.send(IN_CHUNKS + b"X-Forwarded-For: 192.0.2.1\r\n\r\n")
        assert raw.answer().body == b"/reads"


@pytest.mark.parametrize("piece", [b"a: b\r\n" * 1_000, b"a" * 6_000], ids=["many", "one"])
@pytest.mark.parametrize("server_name", SERVERS)
def test_endless_lines_after_the_last_chunk_end_the_connection(server_name: Server, piece: bytes) -> None:
    """Attack on memory: they are no body, whose bytes are counted, and come after the head, which is bounded."""
    with small_server(server_name=server_name) as small, RawConnection(small.port) as raw:
        assert raw.send(IN_CHUNKS + b"a: ").is_cut_off(piece)
        assert wait_until(lambda: small.connections == 0, WAIT_S)


@pytest.mark.parametrize("server_name", SERVERS)
def test_told_to_end_it_lets_an_answer_finish(server_name: Server) -> None:
    with small_server(server_name=server_name) as small, RawConnection(small.port) as raw:
        raw.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        assert small.is_asked.wait(WAIT_S)
        small.end()
        small.let_go()
        assert raw.answer().body == b"/slow"


@pytest.mark.parametrize("server_name", GUARDED)
def test_the_guard_stands_before_it(server_name: Server) -> None:
    with small_server(server_name=server_name) as small, RawConnection(small.port) as raw:
        raw.send(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")
        assert raw.answer().body.startswith(b"/refused/400/")


def test_granian_says_that_nothing_stands_before_it(running: Started, server: Server) -> None:
    assert ("no guard stands before this server" in running.logged()) is (server is Server.GRANIAN)
