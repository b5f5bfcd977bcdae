"""What the client does with servers that would hold it up. Each test tells the attack."""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress

import pytest

from directory.networks.errors import (
    Busy,
    TooSlow,
    Unreachable,
)
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.networks.places import Room
from tests.directory.networks.strangers import (
    CHUNKED,
    HASTY,
    OK,
    forever,
    loopback_client,
    says,
    stranger,
)

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
        loopback_client(room=Room(per_host=2)) as ours,
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
    async with stranger(says(OK)) as them, loopback_client(room=Room(places=1, for_jobs=0)) as ours:
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
