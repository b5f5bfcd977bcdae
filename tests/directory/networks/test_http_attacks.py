"""What the client does with servers that mean harm. Each test tells the attack."""

import asyncio
import gzip
import itertools
import socket
import struct
import traceback
from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from directory.networks.errors import (
    BadAnswer,
    Busy,
    NetworkError,
    TooLarge,
    TooSlow,
    Unreachable,
    Unsendable,
)
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from tests.directory.networks.strangers import HASTY, OK, answer, forever, loopback_client, says, stranger

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
HASTY_BUT_LARGE = Limits(connect_s=0.3, first_byte_s=0.3, total_s=0.6, max_body_bytes=1 << 40)


async def test_a_server_that_never_answers(client: GuardedClient) -> None:
    """It takes the connection and the request, and holds us for as long as we wait."""
    async with stranger(forever) as them:
        with pytest.raises(TooSlow) as caught:
            await client.get(them.url, limits=HASTY)
    assert caught.value.may_have_arrived


async def test_a_server_that_never_takes_the_request(client: GuardedClient) -> None:
    """It does not read: a large request would wait in our memory for room on the wire."""
    server = socket.create_server(("127.0.0.1", 0), backlog=1)
    with server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(TooSlow):
            await client.request("POST", url, content=bytes(32 * 1024 * 1024), limits=HASTY)


@pytest.mark.parametrize("begins_with", [b"HTTP/1.1 200 OK\r\nx: ", OK[:-2].replace(b": 2", b": 9999")])
async def test_a_server_that_drips(client: GuardedClient, begins_with: bytes) -> None:
    """One byte at a time, each in time: no single wait is ever long, in the head or in the body."""

    async def drips(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(begins_with)
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with stranger(drips) as them:
        with pytest.raises(TooSlow, match="too slowly"):
            await client.get(them.url, limits=HASTY)


async def test_a_server_that_never_ends(client: GuardedClient) -> None:
    """It sends fast enough for ever: the time for the whole is what ends it."""

    async def goes_on(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED)
        while not writer.is_closing():
            writer.write(b"400\r\n" + bytes(1024) + b"\r\n")
            await writer.drain()
            await asyncio.sleep(0.001)

    async with stranger(goes_on) as them:
        with pytest.raises(TooSlow, match="takes too long"):
            await client.get(them.url, limits=HASTY_BUT_LARGE)


FIVE_MB = 5 * 1024 * 1024


@pytest.mark.parametrize(
    "raw",
    [
        answer(bytes(FIVE_MB)),
        CHUNKED + b"%x\r\n" % FIVE_MB + bytes(FIVE_MB) + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + bytes(FIVE_MB),
        answer(gzip.compress(bytes(FIVE_MB)), "content-encoding: gzip"),
    ],
    ids=["announced", "chunked", "until-closed", "gzip-bomb"],
)
async def test_a_server_that_answers_with_too_much(client: GuardedClient, raw: bytes) -> None:
    """5 MB of metadata, announced or not, plain or packed into 5 kB."""
    async with stranger(says(raw, then_closes=True)) as them:
        with pytest.raises(TooLarge):
            await client.get(them.url)


async def test_an_announced_size_is_refused_unread(client: GuardedClient) -> None:
    """It announces what we will not take and then waits: we do not."""

    async def announces(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5000000\r\n\r\n")
        await asyncio.Event().wait()

    async with stranger(announces) as them:
        with pytest.raises(TooLarge):
            await client.get(them.url)


@pytest.mark.parametrize(
    "head",
    [
        "".join(f"x-{number}: y\r\n" for number in range(101)),
        "x: " + "y" * 40_000 + "\r\n",
        "".join(f"x-{number}: {'y' * 1_000}\r\n" for number in range(90)),
    ],
    ids=["many", "one-long", "all-long"],
)
@pytest.mark.parametrize("ends", [True, False])
async def test_a_flood_of_headers(client: GuardedClient, head: str, ends: bool) -> None:
    """Headers are kept whole in memory and copied around, unlike a body."""
    raw = f"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{head}".encode() + (b"\r\n" if ends else b"")
    async with stranger(says(raw, then_closes=True)) as them:
        with pytest.raises(BadAnswer):
            await client.get(them.url)


async def test_headers_without_end(client: GuardedClient) -> None:
    """A head that goes on for ever is cut off by its size, long before any time is up."""

    async def goes_on(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"x: y\r\n" * 100)
            await writer.drain()

    async with stranger(goes_on) as them:
        with pytest.raises(TooLarge, match="headers"):
            await client.get(them.url)


async def test_announcements_without_an_answer(client: GuardedClient) -> None:
    """Interim answers (1xx) are skipped; a thousand of them are work for nothing."""
    async with stranger(says(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1_000)) as them:
        with pytest.raises(BadAnswer, match="too many times"):
            await client.get(them.url)


async def test_a_body_in_crumbs(client: GuardedClient) -> None:
    """Chunks of one byte cost as much work as large ones."""
    raw = CHUNKED + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n"
    async with stranger(says(raw, then_closes=True)) as them:
        with pytest.raises(BadAnswer, match="small pieces"):
            await client.get(them.url)


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


async def test_one_slow_host_holds_up_only_itself() -> None:
    """Fifty sign-ins at one server that never answers, and nobody else can sign in."""
    is_full = asyncio.Event()

    async def holds(request: bytes, writer: asyncio.StreamWriter) -> None:
        if len(slow.requests) == 2:
            is_full.set()
        await forever(request, writer)

    async with (
        stranger(holds) as slow,
        stranger(says(OK)) as quick,
        loopback_client(max_connections_per_host=2) as ours,
    ):
        at_slow = f"http://localhost:{slow.port}/"
        held = [asyncio.create_task(ours.get(at_slow, limits=HASTY)) for _ in range(50)]
        await is_full.wait()
        assert (await ours.get(quick.url)).status == 200
        ends = await asyncio.gather(*held, return_exceptions=True)
        assert slow.connections < 50
        assert (await ours.get(quick.url)).status == 200
    assert {type(end) for end in ends} == {TooSlow, Busy}


@pytest.mark.parametrize("steps", range(0, 40, 3))
async def test_a_place_is_given_back_whenever_a_request_is_given_up(steps: int) -> None:
    """Requests cut off at the worst moment each keep a place, until there is none left."""
    async with stranger(says(OK)) as them, loopback_client(max_connections=1) as ours:
        given_up = asyncio.create_task(ours.get(them.url))
        for _ in range(steps):
            await asyncio.sleep(0)
        given_up.cancel()
        with suppress(asyncio.CancelledError):
            await given_up
        assert (await ours.get(them.url)).status == 200


async def test_a_name_server_that_never_answers() -> None:
    """The stranger's own name server holds the question for as long as we wait."""

    async def resolve(_host: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async with loopback_client(resolve=resolve, limits=HASTY) as ours:
        with pytest.raises(Unreachable, match="name servers") as caught:
            await ours.get("https://host.example.net/")
    assert caught.value.may_have_arrived is False
