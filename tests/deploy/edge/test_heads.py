"""Heads are read in one way, whatever way is the quicker one."""

import time
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.edge.heads import Head, Refused, is_plain, read_any_head, read_head

NAMES: Final = (
    b"Host", b"host", b"HOST", b"Connection", b"connection", b"Content-Length", b"Transfer-Encoding", b"Upgrade", b"upgrade",
    b"HTTP2-Settings", b"Expect", b"X-Forwarded-For", b"Accept", b"Connection-", b"X Y", b"", b"\nHost",
)  # fmt: skip
VALUES: Final = (
    b"x", b" x", b"find.example:80 ", b"a b", b"", b"keep-alive", b"close", b"close, upgrade", b"Keep-Alive", b"h2c", b"0",
    b"5", b"chunked", b"100-continue", b"a\rb", b"a\nb", b"a\r\nUpgrade: h2c", b"\xe9", b"\x00",
)  # fmt: skip
LINES: Final = (b"GET / HTTP/1.1", b"HEAD /a?b HTTP/1.1", b"GET /#a HTTP/1.1", b"GET  / HTTP/1.1", b"get / HTTP/1.1", b"POST / HTTP/1.1", b"GET / HTTP/1.0")  # fmt: skip
fields = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=4)


@given(st.sampled_from(LINES), fields, st.booleans())
def test_the_quick_way_lets_nothing_else_through(
    line: bytes, made: list[tuple[bytes, bytes]], with_host: bool
) -> None:
    named = [(b"Host", b"x"), *made] if with_host else made
    raw = b"\r\n".join([line, *(name + b":" + value for name, value in named), b"", b""])
    if is_plain(raw):
        slow = read_any_head(raw)
        assert slow.body_bytes == 0
        assert set(slow.passed_on.lower().split(b"\r\n")) == {
            each
            if not each.startswith((b"host:", b"connection:"))
            else each.replace(b":", b": ").replace(b":  ", b": ").rstrip()
            for each in raw.lower().split(b"\r\n")
        }


def test_no_head_holds_the_loop() -> None:
    """Attack: blanks in a host took a third of a second for each head of 8 KB, before any limit."""
    for value in (b"x" + b"\t" * 8_000 + b"x", b"\t" * 8_000 + b"x", b"x" + b" " * 8_000):
        for name in (b"Host", b"X", b"Connection"):
            raw = b"GET / HTTP/1.1\r\nHost: x\r\n" + name + b":" + value + b"\r\n\r\n"
            started = time.process_time()
            outcome(raw)
            is_plain(raw.replace(b"Host: x\r\n", b"", 1))
            assert time.process_time() - started < 0.1


def outcome(raw: bytes) -> Head | Refused:
    try:
        return read_head(raw)
    except Refused as refused:
        return refused


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(noise: bytes) -> None:
    for raw in (noise + b"\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n" + noise + b"\r\n\r\n"):
        read = outcome(raw)
        if isinstance(read, Refused):
            assert 400 <= read.status <= 505
        else:
            assert read.passed_on.endswith(b"\r\n\r\n")
            assert read.passed_on.count(b"\r\n\r\n") == 1


def test_what_asks_for_another_protocol_is_left_out() -> None:
    raw = b"GET http://y/a?b HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: h2c\r\nA: b\r\n\r\n"
    assert read_head(raw) == Head(
        b"GET /a?b HTTP/1.1\r\nHost: y\r\nA: b\r\nConnection: keep-alive\r\n\r\n", 0
    )


@pytest.mark.parametrize("name", [b"upgrade", b"Transfer-Encoding", b"content-length", b"CONNECTION"])
def test_no_spelling_takes_the_quick_way(name: bytes) -> None:
    assert not is_plain(b"GET / HTTP/1.1\r\nHost: x\r\n" + name + b": 1\r\n\r\n")
