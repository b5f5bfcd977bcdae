"""What two programs could read differently is refused by the real process, over raw sockets."""

import contextlib
from typing import Final

import psutil
import pytest

from tests.harness.command import Started
from tests.harness.raw import RawConnection

pytestmark = pytest.mark.usefixtures("instance")
GOOD: Final = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
REFUSED: Final = {
    "HTTP/2 without TLS": (PREFACE, 505),
    "both lengths": (
        b"POST /api/v1/match HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunks in HTTP/1.0": (b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
    "a length with a sign": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\nx", 400),
    "an unknown coding": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "a version that is none": (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 505),
    "a method in small letters": (b"get / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
    "CONNECT": (b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", 501),
    "bare line ends": (b"GET / HTTP/1.1\nHost: x\n\n", 400),
    "one bare line end": (b"GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", 400),
    "a bare carriage return": (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n", 400),
    "a folded line": (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n", 400),
    "a space before the colon": (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    "a host that is none": (b"GET / HTTP/1.1\r\nHost: x/../y\r\n\r\n", 400),
    "a large head": (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431),
    "a large head in time": (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000, 431),
    "many fields": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 200 + b"\r\n", 431),
    "a long address": (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "another expectation": (b"GET / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n", 417),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "an address of another scheme": (b"GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
}


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED)
def test_it_is_refused_and_the_connection_ends(sent: tuple[bytes, int], port: int) -> None:
    """A proxy that reads it otherwise would hand on, behind it, a request that nobody looked at."""
    data, status = sent
    with RawConnection(port) as raw:
        answer = raw.send(data).answer()
        assert answer.status == status
        assert answer.fields["content-type"] == "application/problem+json"
        assert answer.fields["connection"] == "close"
        assert raw.is_ended()


def test_a_refusal_waits_for_the_answers_before_it(port: int) -> None:
    """An error that came first would be taken for the answer to the request before: the answers of a shared connection
    would go to the wrong people."""
    with RawConnection(port) as raw:
        raw.send(
            b"GET /api/v1/lookup?x=@somebody HTTP/1.1\r\nHost: x\r\n\r\nget / HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        assert [raw.answer().status, raw.answer().status] == [200, 501]
        assert raw.is_ended()


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket", b"TLS/1.0"])
def test_no_upgrade_is_made(upgrade: bytes, port: int) -> None:
    """Through a proxy that passes it on, `Upgrade: h2c` opened a tunnel: requests in it were seen by no rule of the proxy, and
    named any caller's address."""
    with RawConnection(port) as raw:
        fields = (
            b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: %b\r\nHTTP2-Settings: AAMAAABk\r\n" % upgrade
        )
        key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        answer = raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + fields + key + b"\r\n").answer()
        assert (answer.status, answer.body) == (200, b"ok\n")
        assert raw.send(GOOD).answer().body == b"ok\n"


def test_the_absolute_form_is_read(port: int) -> None:
    """RFC 9112, section 3.2.2: a server must take it."""
    with RawConnection(port) as raw:
        for target in (b"http://find.example/healthz", b"HTTPS://find.example:443/healthz?x"):
            answer = raw.send(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n").answer()
            assert (answer.status, answer.body) == (200, b"ok\n")


def test_a_head_may_come_in_pieces_and_requests_together(port: int) -> None:
    with RawConnection(port) as raw:
        for byte in GOOD:
            raw.send(bytes([byte]))
        assert raw.answer().body == b"ok\n"
        raw.send(GOOD * 20)
        assert [raw.answer().status for _ in range(20)] == [200] * 20


def test_a_body_in_chunks_is_read_and_ends_the_connection(port: int) -> None:
    body = b'{"pairs":[]}'
    head = b"POST /api/v1/match HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with RawConnection(port) as raw:
        raw.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
        answer = raw.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)).answer()
        assert answer.status == 200
        assert raw.is_ended()
    with RawConnection(port) as raw:
        raw.send(head + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body))
        assert raw.answer().status == 100
        assert raw.send(body + GOOD).answer().status == 200
        assert raw.answer().body == b"ok\n"


def test_what_is_refused_is_limited_and_counted(port: int, metrics_port: int, instance: Started) -> None:
    with RawConnection(port) as raw:
        assert "ratelimit" in raw.send(b"get / HTTP/1.1\r\nHost: x\r\n\r\n").answer().fields
    with RawConnection(metrics_port) as raw:
        raw.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b'path="/refused/{status}/{reason}"' in raw.answer().body
    assert "Traceback" not in instance.logged()


RESETS: Final = 20_000
MAX_GROWTH_BYTES: Final = 16 * 1024 * 1024
"""Far below what was taken once; more than a process takes and gives back by itself."""


def _rapid_reset() -> bytes:
    """Opens streams and takes each back at once (CVE-2023-44487)."""
    head = b"\x82\x84\x86\x41\x01x"
    frames = [PREFACE]
    for stream in range(1, 2 * RESETS, 2):
        number = stream.to_bytes(4, "big")
        frames.append(len(head).to_bytes(3, "big") + b"\x01\x05" + number + head)
        frames.append(b"\x00\x00\x04\x03\x00" + number + b"\x00\x00\x00\x08")
    return b"".join(frames)


def test_a_rapid_reset_is_refused_at_its_first_line(instance: Started, port: int) -> None:
    """Five seconds of streams that were reset at once took the instance away for 90 s and 2.1 GB."""
    process, flood = psutil.Process(instance.process.pid), _rapid_reset()
    before = process.memory_info().rss
    for _ in range(5):
        with RawConnection(port) as raw, RawConnection(port) as other:
            with contextlib.suppress(OSError):  # it ends before all was sent
                raw.send(flood)
            assert (
                other.send(b"GET /api/v1/lookup?x=@somebody HTTP/1.1\r\nHost: x\r\n\r\n").answer().status
                == 200
            )
    assert process.memory_info().rss - before < MAX_GROWTH_BYTES
