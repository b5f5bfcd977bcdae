"""Serves many small logs under as many names, for the bench of peers with nothing new. Light: it is not what is measured."""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from deploy.bench.listening import listening
from federation.keys.instance import InstanceKeys, KeyFolder
from federation.own_log.cosigning import COSIGN_EVERY
from federation.own_log.genesis import make_genesis
from federation.protocol.entry import ENTRY_BYTES, OperationsEntry, encode_entry
from federation.tlog.bundles import encode_bundle
from federation.tlog.checkpoint import Checkpoint, sign_checkpoint
from federation.tlog.cosignature import cosign
from federation.tlog.growth import Edge, grow
from federation.tlog.merkle import hash_leaves
from federation.tlog.note import Note

ENTRIES: Final = 10
_COSIGN_S: Final = int(COSIGN_EVERY.total_seconds())
_SAYS_NOTHING: Final = b"\x04" + bytes(ENTRY_BYTES - 1)
_NOT_FOUND: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


@dataclass(slots=True)
class SmallLog:
    """A log of a few entries. It is cosigned anew every nine minutes, at a time of its own."""

    keys: InstanceKeys
    first: bytes
    entries: bytes
    signed: Note
    phase_s: int
    _cosigned: tuple[int, bytes] = (0, b"")

    @property
    def origin(self) -> str:
        return self.keys.origin

    def answer(self, path: str) -> bytes | None:
        """Returns what is served at a path. None where nothing is."""
        if path == "/log/checkpoint":
            return self._checkpoint()
        if path == "/log/operations/0":
            return self.first
        return self.entries if path == f"/log/tile/entries/000.p/{ENTRIES + 1}" else None

    def _checkpoint(self) -> bytes:
        now = int(time.time())
        at = now - (now - self.phase_s) % _COSIGN_S
        if self._cosigned[0] != at:
            checkpoint = Checkpoint.parse(self.signed.text)
            line = cosign(checkpoint, self.keys.witness, at)
            self._cosigned = (at, bytes(Note(self.signed.text, (*self.signed.signatures, line))))
        return self._cosigned[1]


@dataclass(slots=True)
class ManyLogs:
    """Logs by their host names, and how often each was asked."""

    port: int
    logs: dict[str, SmallLog]
    asked: Counter[str] = field(default_factory=Counter)

    def answer(self, head: str) -> bytes:
        """Returns the whole answer to the head of a request."""
        request, *fields = head.split("\r\n")
        host = next(
            (each.partition(":")[2].strip() for each in fields if each.lower().startswith("host:")), ""
        )
        host = host.partition(":")[0]
        log = self.logs.get(host)
        self.asked[host] += 1
        content = None if log is None else log.answer(request.split(" ")[1])
        if content is None:
            return _NOT_FOUND
        return f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


@asynccontextmanager
async def many_logs(port: int, count: int) -> AsyncIterator[ManyLogs]:
    """Serves `count` logs on this machine."""
    made = [_make(f"peer{number}.localhost", number * _COSIGN_S // count) for number in range(count)]
    many = ManyLogs(port, {log.origin.partition("/")[0]: log for log in made})

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            writer.write(many.answer(head.decode("latin-1")))

    async with listening(port, serve):
        yield many


def _make(host: str, phase_s: int) -> SmallLog:
    with tempfile.TemporaryDirectory() as folder:
        keys = KeyFolder(Path(folder) / "data")
        keys.make(host)
        held = keys.read()
    first = make_genesis(held, datetime.now(UTC))
    entries = [
        encode_entry(OperationsEntry(sha256(first.text.encode()).digest())),
        *[_SAYS_NOTHING] * ENTRIES,
    ]
    root = grow(Edge.empty(), hash_leaves(entries)).edge.root()
    signed = sign_checkpoint(Checkpoint(held.origin, len(entries), root), [held.logs[0]])
    return SmallLog(held, bytes(first), encode_bundle(entries), signed, phase_s)
