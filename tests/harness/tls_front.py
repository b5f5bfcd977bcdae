"""Stands before instances as their proxy does: ends TLS, with a certificate of a test authority, and forwards the bytes."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import trustme

_PIECE_BYTES: Final = 64 * 1024
_METHODS: Final = (b"GET ", b"POST ")


@dataclass
class TlsFronts:
    """Fronts by host name. `file` holds the certificate of their authority; `targets` are the ports that they forward to, which may change; `requests` are the methods and
    paths that each was asked for, and `bytes_sent` counts what each has answered."""

    authority: trustme.CA
    file: Path
    loop: asyncio.AbstractEventLoop
    targets: dict[str, int] = field(default_factory=dict)
    requests: dict[str, list[str]] = field(default_factory=dict)
    bytes_sent: dict[str, int] = field(default_factory=dict)
    writers: dict[str, set[asyncio.StreamWriter]] = field(default_factory=dict)
    servers: list[asyncio.Server] = field(default_factory=list)

    def add(self, name: str, to_port: int) -> int:
        """Adds a front for a host name. Returns the port that it listens on."""
        return asyncio.run_coroutine_threadsafe(self._serve(name, to_port), self.loop).result()

    def point(self, name: str, to_port: int) -> None:
        """Forwards what comes for a name elsewhere from now on; connections that are open are closed."""

        async def run() -> None:
            self.targets[name] = to_port
            for writer in self.writers[name]:
                writer.close()

        asyncio.run_coroutine_threadsafe(run(), self.loop).result()

    async def _serve(self, name: str, to_port: int) -> int:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(name).configure_cert(context)
        self.targets[name], self.requests[name], self.bytes_sent[name] = to_port, [], 0
        self.writers[name] = set()

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.writers[name].add(writer)
            with suppress(OSError):
                there = await asyncio.open_connection("127.0.0.1", self.targets[name])
                await asyncio.gather(self._ask(reader, there[1], name), self._answer(there[0], writer, name))
            self.writers[name].discard(writer)
            writer.close()

        server = await asyncio.start_server(forward, "127.0.0.1", 0, ssl=context)
        self.servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> None:
        """Passes requests on. Each of them begins a piece: clients of ours wait for the answer before the next one."""
        with suppress(OSError):
            while piece := await reader.read(_PIECE_BYTES):
                if piece.startswith(_METHODS):
                    self.requests[name].append(piece.split(b" HTTP/", 1)[0].decode())
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> None:
        with suppress(OSError):
            while piece := await reader.read(_PIECE_BYTES):
                self.bytes_sent[name] += len(piece)
                writer.write(piece)
                await writer.drain()
        writer.close()


@contextmanager
def running_tls_fronts(folder: Path) -> Iterator[TlsFronts]:
    """Runs fronts in a thread until the block ends."""
    authority = trustme.CA()
    file = folder / "authority.pem"
    authority.cert_pem.write_to_path(file)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="tls-fronts")
    thread.start()
    fronts = TlsFronts(authority, file, loop)
    try:
        yield fronts
    finally:
        asyncio.run_coroutine_threadsafe(_end(fronts), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(fronts: TlsFronts) -> None:
    """Ends the connections that are open, and all fronts."""
    for server in fronts.servers:
        server.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
