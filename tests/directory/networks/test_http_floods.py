"""What the client does with servers that send too much. Each test tells the attack."""

import asyncio
import gzip

import pytest

from directory.networks.errors import (
    BadAnswer,
    TooLarge,
)
from directory.networks.http import GuardedClient
from tests.directory.networks.strangers import (
    CHUNKED,
    answer,
    says,
    stranger,
)

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
