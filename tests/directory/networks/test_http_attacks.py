"""What the client does with servers that lie, or want to know our secrets. Each test tells the attack."""

import asyncio
import gzip
import itertools
import socket
import struct
import traceback
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from directory.networks.errors import (
    BadAnswer,
    NetworkError,
    Unreachable,
    Unsendable,
)
from directory.networks.http import GuardedClient
from tests.directory.networks.strangers import (
    CHUNKED,
    HASTY,
    OK,
    answer,
    loopback_client,
    says,
    stranger,
)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\ncont", OK[:-1].replace(b": 2", b": 99999")])
async def test_a_connection_reset(client: GuardedClient, said: bytes) -> None:
    """The connection is torn down at once, as a firewall in between does."""

    async def resets(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()
        wire = writer.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with stranger(resets) as them:
        with pytest.raises((Unreachable, BadAnswer)) as caught:
            await client.get(them.url)
    assert caught.value.may_have_arrived


async def test_a_connection_closed_without_a_word(client: GuardedClient) -> None:
    async with stranger(says(b"", then_closes=True)) as them:
        with pytest.raises(Unreachable, match="closed without an answer"):
            await client.get(them.url)


HEAD = b"HTTP/1.1 200 OK\r\n"
NOT_HTTP = {
    "short": HEAD + b"content-length: 100\r\n\r\ntoo short",
    "two-lengths": HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\nokk",
    "two-lengths-in-one": HEAD + b"content-length: 2, 3\r\n\r\nokk",
    "negative-length": HEAD + b"content-length: -2\r\n\r\nok",
    "hexadecimal-length": HEAD + b"content-length: 0x2\r\n\r\nok",
    "length-of-5000-digits": HEAD + b"content-length: " + b"9" * 5_000 + b"\r\n\r\nok",
    "packed-transfer": HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "negative-chunk": CHUNKED + b"-2\r\nok\r\n0\r\n\r\n",
    "endless-chunk": CHUNKED + b"fffffffffffffffffffff\r\nok",
    "no-last-chunk": CHUNKED + b"2\r\nok\r\n",
    "long-chunk-extension": CHUNKED + b"2;" + b"a" * 100_000,
    "flood-of-trailers": CHUNKED + b"0\r\n" + b"a: b\r\n" * 20_000,
    "space-in-a-name": HEAD + b"x y: z\r\n\r\n",
    "null-in-a-value": HEAD + b"x: a\x00b\r\n\r\n",
    "another-protocol": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    "status-99": b"HTTP/1.1 99 What\r\n\r\n",
    "status-1000": b"HTTP/1.1 1000 What\r\n\r\n",
    "http-2": b"HTTP/2 200\r\n\r\n",
    "http-0.9": b"HTTP/0.9 200 OK\r\n\r\n",
    "icecast": b"ICY 200 OK\r\n\r\n",
    "a-page": b"<!doctype html><title>Hello</title>",
    "tls": b"\x15\x03\x03\x00\x02\x02\x28",
    "empty-lines": b"\r\n" * 100_000,
}


@pytest.mark.parametrize("raw", NOT_HTTP.values(), ids=NOT_HTTP.keys())
async def test_what_is_not_the_http_it_says_it_is(client: GuardedClient, raw: bytes) -> None:
    """Two readers of one doubtful answer can understand two things; this one refuses it."""
    async with stranger(says(raw, then_closes=True)) as them:
        with pytest.raises(BadAnswer):
            await client.get(them.url)


async def test_an_answer_sent_before_the_question(client: GuardedClient) -> None:
    """A second answer hides behind the first, to be taken for the answer to somebody's next question."""
    async with stranger(says(OK + answer(b"poison"))) as them:
        assert (await client.get(them.url)).body == b"ok"
        assert (await client.get(them.url)).body == b"ok"
    assert them.connections == 2


async def test_an_answer_sent_while_nobody_asks(client: GuardedClient) -> None:
    """The same a moment later, when the connection is already kept for the next question."""
    poisoned = asyncio.Event()

    async def waits_and_poisons(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await writer.drain()
        if not poisoned.is_set():
            await asyncio.sleep(0.01)
            writer.write(answer(b"poison"))
            await writer.drain()
            poisoned.set()

    async with stranger(waits_and_poisons) as them:
        assert (await client.get(them.url)).body == b"ok"
        await poisoned.wait()
        assert (await client.get(them.url)).body == b"ok"
    assert them.connections == 2


async def test_a_redirect_without_end(client: GuardedClient) -> None:
    """Round and round within one server, each step quick and small."""
    numbers = itertools.count()

    async def sends_on(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"", f"location: /{next(numbers)}", status="307 Temporary Redirect"))

    async with stranger(sends_on) as them:
        with pytest.raises(BadAnswer, match="too many times"):
            await client.get(them.url, redirects=3)
    assert len(them.requests) == 4


async def test_a_redirect_does_not_carry_secrets_away(client: GuardedClient) -> None:
    """A server that a member signed in at sends us on to another, which reads the token we bring."""
    async with stranger(says(OK)) as thief:

        async def sends_on(_request: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(answer(b"", f"location: {thief.url}", status="302 Found"))

        async with stranger(sends_on) as them:
            secrets = {"Authorization": "Bearer hush", "DPoP": "hush", "X-Own": "hush", "Accept": "a/b"}
            await client.get(them.url, headers=secrets, redirects=1)
    assert b"hush" in them.requests[0]
    assert b"hush" not in thief.requests[0]
    assert b"accept: a/b" in thief.requests[0]


async def test_cookies_are_not_kept(client: GuardedClient) -> None:
    """A cookie set for one member's question would mark the questions of all others."""
    async with stranger(says(answer(b"", "set-cookie: who=alice; path=/"))) as them:
        await client.get(them.url)
        await client.get(them.url)
    assert b"cookie" not in them.requests[1].lower()


async def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch, client: GuardedClient) -> None:
    """A proxy set for the machine would look names up itself, behind our check."""
    async with stranger(says(answer(b"proxied"))) as proxy, stranger(says(OK)) as them:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert (await client.get(them.url)).body == b"ok"
    assert proxy.connections == 0


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"authorization": "Bearer a\r\nx-injected: b"}),
        ("GET", {"authorization": "Bearer a\nb"}),
        ("GET", {"authorization": "Bearer \x00"}),
        ("GET", {"authorization": "Bearer é"}),
        pytest.param("GET", {"authorization": "a" * 40_000}, id="long"),
        ("GET", {"x: y\r\nz": "a"}),
        ("GET", {"": "a"}),
        ("GET", {"Host": "other.example.net"}),
        ("POST", {"Content-Length": "5"}),
        ("POST", {"transfer-encoding": "chunked"}),
        ("GET", {"cookie": "a=b"}),
        ("GET /x HTTP/1.1\r\n", {}),
        ("CONNECT", {}),
        ("get", {}),
    ],
)
async def test_a_token_that_is_not_only_a_token(
    client: GuardedClient, method: str, headers: dict[str, str]
) -> None:
    """A hostile sign-in server gives us a token with a line break, which becomes a header of its choice."""
    async with stranger(says(OK)) as them:
        with pytest.raises(Unsendable) as caught:
            await client.request(method, them.url, headers=headers)
    assert not them.requests
    assert caught.value.may_have_arrived is False


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hush",
        b"HTTP/1.1 200 OK\r\nhush\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhush",
        CHUNKED + b"hush",
        answer(b'{"access_token": "hush"'),
        answer(b"hush", "content-encoding: gzip"),
        answer(b"hush", "content-encoding: hush"),
        answer(b"", "location: http://127.0.0.1:1/hush", status="302 Found"),
    ],
)
async def test_secrets_do_not_show_in_errors(client: GuardedClient, raw: bytes) -> None:
    """A token in an address, a header, a content or an answer would end in a log with the error."""

    async def ask(url: str) -> None:
        got = await client.get(f"{url}hush?code=hush", headers={"authorization": "hush"}, redirects=1)
        assert "hush" not in repr(got)
        got.json()

    async with stranger(says(raw, then_closes=True)) as them:
        with pytest.raises(NetworkError) as caught:
            await ask(them.url)
    written = "".join(traceback.format_exception(caught.value))
    assert "hush" not in "\n".join(line for line in written.splitlines() if not line.startswith("    "))


NOT_JSON = {
    "nothing": b"",
    "deep-lists": b"[" * 500_000,
    "deep-objects": b'{"a":' * 100_000,
    "long-number": b"1" * 5_000,
    "not-utf-8": b'"\xff"',
    "half-a-pair": b'"\\ud800"',
    "not-a-number": b"NaN",
    "two-values": b"[1]x",
    "a-page": b"<html>",
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
async def test_json_that_is_none(client: GuardedClient, body: bytes) -> None:
    """Nested half a million deep, out of every range, or not JSON at all."""
    async with stranger(says(answer(body))) as them:
        got = await client.get(them.url)
    with pytest.raises(BadAnswer):
        got.json()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            [
                b"HTTP/1.1 200 OK\r\n",
                b"HTTP/1.0 204 No\r\n",
                b"content-length: 5\r\n",
                b"transfer-encoding: chunked\r\n",
                b"content-encoding: gzip\r\n",
                b"location: //[\r\n",
                b"connection: close\r\n",
                b"\r\n",
                b"5\r\nhello\r\n",
                b"0\r\n\r\n",
                gzip.compress(b"hello", mtime=0),
            ]
        )
        | st.binary(max_size=20),
        max_size=8,
    ).map(b"".join)
)
async def test_any_bytes_are_an_answer_or_a_named_error(raw: bytes) -> None:
    """Nothing that a server can say makes the client fail otherwise."""
    async with stranger(says(raw, then_closes=True)) as them, loopback_client() as ours:
        with suppress(NetworkError):
            (await ours.get(them.url, redirects=1, limits=HASTY)).json()
