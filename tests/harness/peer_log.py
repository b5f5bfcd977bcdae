"""A peer for tests: a log in memory with keys, documents and bodies, and a real HTTP server for it, honest unless told.

`PeerLog` grows as a log does. `LogServer` serves it, or any other source, counts requests, and lies where a test sets
`lies`: a function from the path and the honest reply to another reply.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from directory.mappings import Mapping
from directory.networks.answers import Answer
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from federation.errors import InvalidTile
from federation.keys.chain import sign_operations
from federation.keys.operations import Operations, RightTree, fingerprint_recovery
from federation.protocol.body_answers import Body, Erased, LeafAnswer, Lost, NeverMapping
from federation.protocol.body_wire import encode_answers
from federation.protocol.entry import (
    MappingEntry,
    OperationsEntry,
    RevokeEntry,
    UnknownEntry,
    encode_entry,
    parse_entry,
)
from federation.protocol.statement import Statement, commitment, encode_statement
from federation.tlog.bundles import encode_bundle
from federation.tlog.checkpoint import Checkpoint, sign_checkpoint
from federation.tlog.cosignature import cosign
from federation.tlog.growth import Edge, grow
from federation.tlog.keys import KeyKind, PrivateKey
from federation.tlog.merkle import hash_leaves, leaf_hash
from federation.tlog.note import Note
from federation.tlog.tiles import Bundle, Tile, count_hashes, parse_path
from tests.harness.clock import START, FakeClock
from tests.harness.mappings import bluesky
from tests.vectors.fixed import make_seed

HOST: Final = "two.example"
ORIGIN: Final = f"{HOST}/log"
DAY_S: Final = 24 * 3600


def key(name: str, origin: str = ORIGIN) -> PrivateKey:
    """The log key of this name, fixed."""
    return PrivateKey(origin, KeyKind.NOTE, make_seed(name))


def recovery_key(name: str = "recovery", host: str = HOST) -> PrivateKey:
    return PrivateKey(f"{host}/recovery", KeyKind.NOTE, make_seed(name))


WITNESS: Final = PrivateKey(f"{HOST}/witness", KeyKind.COSIGNATURE, make_seed("own witness"))


def says(mapping: Mapping, salt: bytes) -> Body:
    """Makes salt and body of a mapping."""
    return Body(salt, encode_statement(Statement.of(mapping)))


class PeerLog:
    """A log that is kept in memory. `note` is what it publishes: nothing is signed by itself."""

    def __init__(self, clock: FakeClock, *, origin: str = ORIGIN, host: str = HOST) -> None:
        self.clock = clock
        self.origin = origin
        self.host = host
        self.log_key = key("log", origin)
        self.keys = [self.log_key]
        self.witness = PrivateKey(f"{host}/witness", KeyKind.COSIGNATURE, make_seed("own witness"))
        self.entries: list[bytes] = []
        self.hashes = b""
        self.bodies: dict[int, Body] = {}
        self.revoked: dict[int, int] = {}
        self.documents: list[Operations] = []
        self.document_notes: list[bytes] = []
        self.made = 0
        self.size = 0
        self.note = b""
        first = Operations(
            origin, 0, None, self.now(), self.log_key.vkey, None, self.witness.vkey,
            make_seed("peer").public_key, fingerprint_recovery(recovery_key(host=host).vkey.public_key),
        )  # fmt: skip
        self.add_document(first, self.keys)

    def now(self) -> int:
        return int(self.clock.now().timestamp())

    def copy(self) -> "PeerLog":
        """A log that goes on apart from this one, under the same keys: a fork."""
        other = PeerLog(self.clock, origin=self.origin, host=self.host)
        for name in ("entries", "documents", "document_notes", "keys"):
            setattr(other, name, list(getattr(self, name)))
        other.bodies, other.revoked = dict(self.bodies), dict(self.revoked)
        other.hashes, other.size, other.note, other.made = (
            self.hashes,
            self.size,
            self.note,
            self.made + 500_000,
        )
        return other

    def append(self, entry: bytes) -> int:
        """Appends a raw entry. Returns its leaf."""
        self.entries.append(entry)
        self.hashes += leaf_hash(entry)
        return len(self.entries) - 1

    def append_many(self, entries: Sequence[bytes]) -> None:
        self.entries += entries
        self.hashes += hash_leaves(entries)

    def add_document(self, document: Operations, signers: Sequence[PrivateKey]) -> int:
        """Publishes a document. Returns the leaf of its entry."""
        self.documents.append(document)
        self.document_notes.append(bytes(sign_operations(document, signers)))
        return self.append(encode_entry(OperationsEntry(document.digest)))

    def next_document(self, **changes: Any) -> Operations:
        """Makes the document that follows the last one."""
        last = self.documents[-1]
        given = {
            "log_key": last.log_key, "next_key": last.next_key, "recovery": last.recovery,
            "issued": max(self.now(), last.issued + 3600), "recovered_by": None, "right_tree": None,
            "moved_to": last.moved_to, **changes,
        }  # fmt: skip
        return Operations(
            self.origin, last.number + 1, last.digest, given["issued"], given["log_key"], given["next_key"],
            last.witness_key, last.peer_key, given["recovery"], given["recovered_by"], given["right_tree"],
            given["moved_to"],
        )  # fmt: skip

    def recover(self, right: RightTree, new: PrivateKey, *, after: int | None = None) -> int:
        """Publishes a recovery after document `after`, under a new log key."""
        if after is not None:
            del self.documents[after + 1 :], self.document_notes[after + 1 :]
        document = self.next_document(
            log_key=new.vkey, next_key=None, moved_to=None, recovered_by=recovery_key(host=self.host).vkey, right_tree=right,
            recovery=fingerprint_recovery(recovery_key("recovery 2", self.host).vkey.public_key),
        )  # fmt: skip
        leaf = self.add_document(document, [recovery_key(host=self.host), new])
        self.keys = [new]
        return leaf

    def add_person(self, mapping: Mapping | None = None) -> int:
        """Publishes a mapping. Returns its leaf."""
        n, self.made = self.made, self.made + 1
        said = mapping or bluesky(f"p{n}", 10_000 + n, origin=self.origin, issued=self.clock.now())
        return self.add_body(says(said, n.to_bytes(32, "big")))

    def add_people(self, count: int) -> list[int]:
        return [self.add_person() for _ in range(count)]

    def add_body(self, body: Body) -> int:
        """Publishes whatever is said as a body. Returns its leaf."""
        leaf = self.append(encode_entry(MappingEntry(commitment(body.salt, body.body))))
        self.bodies[leaf] = body
        return leaf

    def revoke(self, target: int) -> int:
        """Revokes a leaf, and erases what it said. Returns the leaf of the revoke."""
        leaf = self.append(encode_entry(RevokeEntry(target, 0)))
        self.revoked.setdefault(target, leaf)
        self.bodies.pop(target, None)
        return leaf

    def noise(self, count: int) -> None:
        """Appends entries that say nothing."""
        self.append_many([encode_entry(UnknownEntry(b"\x09" + n.to_bytes(32, "big"))) for n in range(count)])

    def root(self, size: int | None = None) -> bytes:
        return grow(
            Edge.empty(), self.hashes[: 32 * (len(self.entries) if size is None else size)]
        ).edge.root()

    def sign(
        self, size: int | None = None, *, keys: Sequence[PrivateKey] | None = None, root: bytes | None = None
    ) -> Note:
        """Signs the tree of a size, of all entries where none is given."""
        size = len(self.entries) if size is None else size
        return sign_checkpoint(Checkpoint(self.origin, size, root or self.root(size)), keys or self.keys)

    def cosigned(self, note: Note, at: int | None = None) -> Note:
        return note.signed_also(
            [cosign(Checkpoint.parse(note.text), self.witness, self.now() if at is None else at)]
        )

    def publish(self) -> None:
        """Publishes all entries, signed and cosigned now."""
        self.size = len(self.entries)
        self.note = bytes(self.cosigned(self.sign()))

    def tile(self, tile: Tile) -> bytes | None:
        """The hashes of a tile, where the published tree has it."""
        if tile.index * 256 + tile.width > count_hashes(self.size, tile.level):
            return None
        first = (tile.index * 256) << (8 * tile.level)
        count = tile.width << (8 * tile.level)
        nodes = self.hashes[32 * first : 32 * (first + count)]
        tiles = {
            each.level: data for each, data in grow(Edge.empty(), nodes).tiles if each.level == tile.level
        }
        return (
            b"".join(data for each, data in grow(Edge.empty(), nodes).tiles if each.level == tile.level)
            if tiles
            else None
        )

    def bundle(self, bundle: Bundle) -> bytes | None:
        if bundle.start + bundle.width > self.size:
            return None
        return encode_bundle(self.entries[bundle.start : bundle.start + bundle.width])

    def answer(self, leaf: int) -> LeafAnswer:
        if leaf in self.revoked:
            return Erased(self.revoked[leaf])
        if leaf in self.bodies:
            return self.bodies[leaf]
        return Lost() if isinstance(parse_entry(self.entries[leaf]), MappingEntry) else NeverMapping()

    async def serve(self, path: str) -> bytes | None:
        """What is served under a path; None where nothing is."""
        if path == "/log/checkpoint":
            return self.note or None
        if path.startswith("/log/operations/"):
            number = int(path.rpartition("/")[2])
            return self.document_notes[number] if number < len(self.document_notes) else None
        if path.startswith("/federation/v1/statements/"):
            item = Bundle.parse("tile/entries/" + path.removeprefix("/federation/v1/statements/"))
            if item.start + item.width > self.size:
                return None
            return encode_answers([self.answer(leaf) for leaf in range(item.start, item.start + item.width)])
        try:
            found = parse_path(path.removeprefix("/log/"))
        except InvalidTile:
            return None
        return self.tile(found) if isinstance(found, Tile) else self.bundle(found)


@dataclass
class Reply:
    """What a server answers."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    write: Callable[[asyncio.StreamWriter], Awaitable[None]] | None = None
    """Writes what is sent instead, whatever it is; then the connection is closed."""


Serve = Callable[[str], Awaitable[bytes | None]]
Lie = Callable[[str, Reply], Reply]


class LogServer:
    """Serves a log, honest or not. `asked` are the paths that were asked for, in order."""

    def __init__(self, serve: Serve) -> None:
        self.serve = serve
        self.lies: Lie | None = None
        self.before: Callable[[str], Awaitable[None]] | None = None
        self.asked: list[str] = []
        self.port = 0
        self.at_work: set[asyncio.Task[Any]] = set()
        self.writers: list[asyncio.StreamWriter] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, path: str) -> Reply:
        self.asked.append(path)
        if self.before is not None:
            await self.before(path)
        body = await self.serve(path)
        honest = Reply(404, b"{}") if body is None else Reply(200, body)
        return honest if self.lies is None else self.lies(path, honest)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                reply = await self.answer(head.split(" ", 2)[1])
                if reply.write is not None:
                    await reply.write(writer)
                    break
                lines = [f"HTTP/1.1 {reply.status} X", f"content-length: {len(reply.body)}"]
                lines += [f"{name}: {value}" for name, value in reply.headers.items()]
                writer.write("\r\n".join([*lines, "", ""]).encode() + reply.body)
                await writer.drain()
        writer.close()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begins at once, so that no connection is forgotten at the end."""
        self.writers.append(writer)
        self.at_work.add(asyncio.create_task(self.handle(reader, writer)))


@asynccontextmanager
async def log_server(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[LogServer]:
    """Serves on this machine for the block."""
    them = LogServer(serve)
    server = await asyncio.start_server(them.connected, "127.0.0.1", 0, ssl=tls)
    them.port = server.sockets[0].getsockname()[1]
    try:
        yield them
    finally:
        server.close()
        for _ in range(3):
            await asyncio.sleep(0)  # turns of the loop, in which connections that were just made begin
        for task in list(them.at_work):
            task.cancel()
        await asyncio.gather(*them.at_work, return_exceptions=True)
        for writer in them.writers:
            writer.transport.abort()
        await server.wait_closed()
        await asyncio.sleep(0)  # one turn of the loop, in which the sockets are closed


class Unsigned:
    """Fetches bodies without a signature, for servers that ask for none."""

    def __init__(self, client: GuardedClient) -> None:
        self._client = client

    async def get(self, address: str, path: str, *, limits: Limits) -> Answer:
        return await self._client.get(address + path, limits=limits)


__all__ = [
    "DAY_S",
    "HOST",
    "ORIGIN",
    "START",
    "LogServer",
    "PeerLog",
    "Reply",
    "Unsigned",
    "key",
    "log_server",
    "says",
]
