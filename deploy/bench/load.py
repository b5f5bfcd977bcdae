"""Puts load on a server over real sockets, with a light client: prepared requests, answers not parsed."""

import asyncio
import time
from collections.abc import Sequence
from itertools import cycle, islice
from typing import Final

import msgspec

WARM_UP_SHARE: Final = 0.2
OF_A_CONNECTION: Final = 900
"""Requests before the next connection: Hypercorn ends one after 1,000."""


class Load(msgspec.Struct, frozen=True):
    """The measurements of a run of requests. Times in seconds."""

    requests: int
    per_second: float
    p50: float
    p99: float
    asked: int
    """All requests, with those before the times are taken."""


class UnexpectedAnswer(Exception):
    """The server answered with another status than 200, so the figures would be meaningless."""


async def measure_load(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> Load:
    """Keeps `connections` busy for `seconds`, each with one request at a time. Raises UnexpectedAnswer."""
    warm_until = time.perf_counter() + seconds * WARM_UP_SHARE
    until = warm_until + seconds
    answered: list[tuple[float, float]] = []
    asked = 0

    async def keep_busy(first: int) -> None:
        nonlocal asked
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for number, request in enumerate(islice(cycle(requests), first, None), 1):
                if number % OF_A_CONNECTION == 0:
                    writer.close()
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                started = time.perf_counter()
                if started >= until:
                    return
                asked += 1
                writer.write(request)
                await read_answer(reader)
                answered.append((started, time.perf_counter() - started))
        finally:
            writer.close()

    share = max(1, len(requests) // connections)
    await asyncio.gather(*(keep_busy(number * share) for number in range(connections)))
    warm = [seconds for started, seconds in answered if started >= warm_until]
    # A server that is busy for all of the time has answered what it was asked before.
    times = sorted(warm or [seconds for _, seconds in answered])
    return Load(
        len(times), len(times) / seconds, times[len(times) // 2], times[int(len(times) * 0.99)], asked
    )


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    """Reads an answer. Returns its body. Raises UnexpectedAnswer."""
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise UnexpectedAnswer(head.partition(b"\r\n")[0].decode("latin-1"))
    start = head.lower().index(b"content-length:") + len(b"content-length:")
    length = int(head[start : head.index(b"\r\n", start)])
    return await reader.readexactly(length)


def get_request(path: str) -> bytes:
    """Makes a GET as it is sent."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def post_json_request(path: str, body: bytes) -> bytes:
    """Makes a POST of JSON as it is sent."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def time_request(port: int, request: bytes) -> float:
    """Times one request on a connection of its own. Returns seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**26)
    try:
        started = time.perf_counter()
        writer.write(request)
        await writer.drain()
        await read_answer(reader)
        return time.perf_counter() - started
    finally:
        writer.close()
