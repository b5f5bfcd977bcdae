"""Stands before an instance as its proxy does: ends TLS, with a certificate of a test authority, and forwards the bytes."""

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


@dataclass
class TlsFronts:
    """Fronts by host name. `bytes_sent` counts what each has answered, by name."""

    authority: trustme.CA
    loop: asyncio.AbstractEventLoop
    bytes_sent: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, to_port: int) -> int:
        """Adds a front for a host name. Returns the port that it listens on."""
        return asyncio.run_coroutine_threadsafe(self._serve(name, to_port), self.loop).result()

    async def _serve(self, name: str, to_port: int) -> int:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(name).configure_cert(context)
        self.bytes_sent[name] = 0

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                there = await asyncio.open_connection("127.0.0.1", to_port)
                await asyncio.gather(self._pump(reader, there[1], None), self._pump(there[0], writer, name))
            writer.close()

        server = await asyncio.start_server(forward, "127.0.0.1", 0, ssl=context)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str | None
    ) -> None:
        with suppress(OSError):
            while piece := await reader.read(_PIECE_BYTES):
                if name is not None:
                    self.bytes_sent[name] += len(piece)
                writer.write(piece)
                await writer.drain()
        writer.close()


@contextmanager
def running_tls_fronts(folder: Path) -> Iterator[tuple[TlsFronts, Path]]:
    """Runs fronts in a thread until the block ends. Yields them, and the file of their authority's certificate."""
    authority = trustme.CA()
    file = folder / "authority.pem"
    authority.cert_pem.write_to_path(file)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="tls-fronts")
    thread.start()
    try:
        yield TlsFronts(authority, loop), file
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
