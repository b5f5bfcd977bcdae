"""Servers that answer as they please, on real sockets of this machine."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.networks.resolver import Resolve

TLS: Final = Path(__file__).parent / "tls"
# For what is expected to run into a limit; what is expected to end well keeps the real ones.
HASTY: Final = Limits(connect_s=0.3, first_byte_s=0.3, total_s=1.0, slow_start_s=0.2)
CHUNKED: Final = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
OK: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

Handler = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Stranger:
    """A server, and what it was sent: one entry a request, heads with their contents."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    names_asked_for: list[str | None] = field(default_factory=list)
    # One permit for each connection that has ended: a test can wait for the end of one.
    ended: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@asynccontextmanager
async def stranger(
    handler: Handler, *, tls: bool = False, host: str = "127.0.0.1"
) -> AsyncIterator[Stranger]:
    """Serves each request with the handler. A connection lasts until the handler closes it."""
    them = Stranger(0)
    at_work: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        at_work.add(task)
        them.connections += 1
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while not writer.is_closing():
                request = await read_request(reader)
                them.requests.append(request)
                await handler(request, writer)
                await writer.drain()
        writer.transport.abort()
        at_work.discard(task)
        them.ended.release()

    context = server_tls(them) if tls else None
    server = await asyncio.start_server(serve, host, 0, ssl=context)
    them.port = server.sockets[0].getsockname()[1]
    try:
        yield them
    finally:
        server.close()
        for task in list(at_work):
            task.cancel()
        await asyncio.gather(*at_work, return_exceptions=True)
        await asyncio.sleep(0)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    lengths = [int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")]
    return head + await reader.readexactly(lengths[0] if lengths else 0)


def server_tls(them: Stranger) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "host.example.net.pem")
    context.sni_callback = lambda _socket, name, _context: them.names_asked_for.append(name)
    return context


def client_tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=TLS / "authority.pem")


def says(answer: bytes, *, then_closes: bool = False) -> Handler:
    """A handler that gives the same bytes to everyone."""

    async def handler(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        if then_closes:
            writer.close()

    return handler


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def forever(_request: bytes, _writer: asyncio.StreamWriter) -> None:
    """A handler that takes the request and says nothing."""
    await asyncio.Event().wait()


def names(table: Mapping[str, Sequence[str]]) -> Resolve:
    """A resolver that knows these names."""

    async def resolve(host: str) -> Sequence[str]:
        if host not in table:
            raise OSError("no such name")
        return table[host]

    return resolve


def loopback_client(**settings: Any) -> GuardedClient:
    """The client as tests of other parts use it: this machine only."""
    return GuardedClient("Passerelle/test", allow_loopback=True, **settings)
