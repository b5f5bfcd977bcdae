"""A server of Bluesky accounts in a process of its own, for the bench of follows: it counts what it is asked and grants points.

It answers what a run asks of a PDS and of the PLC directory, and keeps nothing but counts. Every follow is taken.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from deploy.bench.measured import READY

COUNTS_PATH: Final = "/counts"
HOUR_POINTS: Final = 5_000
"""Granted to each account, as Bluesky's own servers do."""
POINTS_A_FOLLOW: Final = 3
WRITES: Final = "com.atproto.repo.applyWrites"
READS: Final = frozenset({"com.atproto.repo.listRecords", "com.atproto.sync.getRepo"})
"""What reads the follows that are there already."""
_HOUR_S: Final = 3_600


class Counts(msgspec.Struct):
    """What was asked: requests by the last part of their path, follows, writes refused for want of points, and the points
    that each account has spent."""

    requests: dict[str, int]
    follows: int
    refused: int
    points: dict[str, int]

    @property
    def beside_reading(self) -> int:
        """All requests but those that read existing follows. Those to the PLC directory are among them."""
        return sum(number for name, number in self.requests.items() if name not in READS)


class CountingPds:
    """The accounts of one server, in memory."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._ends = int(time.time()) + _HOUR_S
        self._requests: Counter[str] = Counter()
        self._points: Counter[str] = Counter()
        self._follows = 0
        self._refused = 0

    def answer(self, path: str, body: bytes) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Returns the status, the answer and more headers."""
        path = unquote(path.partition("?")[0])
        if path == COUNTS_PATH:
            counts = Counts(dict(self._requests), self._follows, self._refused, dict(self._points))
            return 200, msgspec.to_builtins(counts), {}
        name = path.rpartition("/")[2]
        self._requests["did" if name.startswith("did:") else name] += 1
        if name.startswith("did:"):
            return 200, self._document(name), {}
        if name == "oauth-protected-resource":
            return 200, {"authorization_servers": [self._url]}, {}
        if name in READS:
            return 200, {"records": []}, {}
        if name == WRITES:
            return self._write(json.loads(body))
        return 404, {"error": "NotFound"}, {}

    def _document(self, did: str) -> dict[str, Any]:
        service = {
            "id": "#atproto_pds",
            "type": "AtprotoPersonalDataServer",
            "serviceEndpoint": self._url,
        }
        return {"id": did, "alsoKnownAs": [], "service": [service]}

    def _write(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any], dict[str, str]]:
        did, writes = asked["repo"], len(asked["writes"])
        left = HOUR_POINTS - self._points[did]
        is_granted = writes * POINTS_A_FOLLOW <= left
        if is_granted:
            self._points[did] += writes * POINTS_A_FOLLOW
            self._follows += writes
        else:
            self._refused += 1
        headers = {
            "ratelimit-limit": str(HOUR_POINTS),
            "ratelimit-remaining": str(HOUR_POINTS - self._points[did]),
            "ratelimit-reset": str(self._ends),
            "ratelimit-policy": f"{HOUR_POINTS};w={_HOUR_S}",
        }
        return (200, {}, headers) if is_granted else (429, {"error": "RateLimitExceeded"}, headers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection until the other side ends it."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = next(
                    (
                        int(line[15:])
                        for line in head.lower().split("\r\n")
                        if line.startswith("content-length:")
                    ),
                    0,
                )
                body = await reader.readexactly(length)
                status, said, headers = self.answer(head.split(" ", 2)[1], body)
                writer.write(_encode(status, said, headers))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def _encode(status: int, said: dict[str, Any], headers: dict[str, str]) -> bytes:
    body = json.dumps(said).encode()
    lines = [f"HTTP/1.1 {status} Said", "content-type: application/json", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def counting_pds(port: int) -> AsyncIterator[str]:
    """Runs the server until the block ends. Returns its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "deploy.bench.counting_pds",
        str(port),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the server has no pipes")
    try:
        await process.stdout.readline()
        yield _address(port)
    finally:
        process.stdin.close()
        await process.wait()


async def read_counts(port: int) -> Counts:
    """Reads what was asked so far."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    try:
        writer.write(f"GET {COUNTS_PATH} HTTP/1.1\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        return msgspec.json.decode(await reader.readexactly(length), type=Counts)
    finally:
        writer.close()


def _address(port: int) -> str:
    return f"http://127.0.0.1:{port}"


async def _run(port: int) -> None:
    server = await asyncio.start_server(CountingPds(_address(port)).serve, "127.0.0.1", port, limit=2**24)
    sys.stdout.write(READY + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1])))
