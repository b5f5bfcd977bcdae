"""The log of another instance, with its keys, as far as a witness and its readers need one."""

from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from directory.origins import Standing
from directory.store.database import Connection, Database
from federation.keys.chain import MIN_BETWEEN_S, MIN_OVERLAP_S, sign_operations
from federation.keys.changes import Recovery, announce_key, recover_key, switch_key
from federation.keys.operations import Operations, RightTree, fingerprint_recovery
from federation.protocol.add_checkpoint import AddCheckpoint
from federation.tlog.checkpoint import Checkpoint, sign_checkpoint
from federation.tlog.cosignature import cosign
from federation.tlog.ed25519 import Seed
from federation.tlog.growth import Edge, grow
from federation.tlog.keys import KeyKind, PrivateKey
from federation.tlog.merkle import EMPTY_ROOT, leaf_hash
from federation.tlog.note import Note
from federation.tlog.reading import TileHashes
from tests.harness.clock import START

ISSUED = int(START.timestamp()) - 30 * 86_400


def seed(text: str) -> Seed:
    return Seed(sha256(text.encode()).digest())


class PeerLog:
    """The log of `host`: leaf n of it is `<word> n`, and from `fork` on another word."""

    def __init__(self, host: str = "peer.example", leaves: int = 600, key: str = "first") -> None:
        self.host = host
        self.origin = f"{host}/log"
        self.key = self.log_key(key)
        self.witness = PrivateKey(f"{host}/witness", KeyKind.COSIGNATURE, seed(f"{host} witness"))
        self.recovery = self.recovery_key(1)
        self.peer = seed(f"{host} peer")
        self._tiles = {
            word: dict(grow(Edge.empty(), b"".join(self._leaves(word, leaves))).tiles)
            for word in ("entry", "other")
        }
        self.documents = [self._genesis()]
        self.notes = [bytes(sign_operations(self.documents[0], [self.key]))]

    def log_key(self, name: str) -> PrivateKey:
        return PrivateKey(self.origin, KeyKind.NOTE, seed(f"{self.host} {name}"))

    def recovery_key(self, number: int) -> PrivateKey:
        return PrivateKey(f"{self.host}/recovery", KeyKind.NOTE, seed(f"{self.host} recovery {number}"))

    def _leaves(self, word: str, count: int) -> list[bytes]:
        # The two trees part at leaf 100.
        return [leaf_hash(f"{word if n >= 100 else 'entry'} {n}".encode()) for n in range(count)]

    def _genesis(self) -> Operations:
        return Operations(
            self.origin,
            0,
            None,
            ISSUED,
            self.key.vkey,
            None,
            self.witness.vkey,
            self.peer.public_key,
            fingerprint_recovery(self.recovery.vkey.public_key),
        )

    def tree(self, size: int, word: str = "entry") -> TileHashes:
        cut = self._tiles[word]
        return TileHashes(size, lambda tile: self._read(cut, tile))

    @staticmethod
    def _read(tiles: dict[Any, bytes], tile: Any) -> bytes:
        whole = next(
            data for key, data in tiles.items() if (key.level, key.index) == (tile.level, tile.index)
        )
        return whole[: tile.byte_count]

    def root(self, size: int, word: str = "entry") -> bytes:
        return self.tree(size, word).compact_range().root() if size else EMPTY_ROOT

    def checkpoint(self, size: int, word: str = "entry") -> Checkpoint:
        return Checkpoint(self.origin, size, self.root(size, word))

    def note(self, size: int, word: str = "entry", *keys: PrivateKey) -> Note:
        return sign_checkpoint(self.checkpoint(size, word), keys or [self.key])

    def cosigned(self, size: int, at: datetime, word: str = "entry") -> Note:
        """A checkpoint with the log's own cosignature."""
        line = cosign(self.checkpoint(size, word), self.witness, int(at.timestamp()))
        return self.note(size, word).signed_also([line])

    def proof(self, old: int, size: int, word: str = "entry") -> tuple[bytes, ...]:
        return self.tree(size, word).prove_consistency(old) if 0 < old < size else ()

    def request(self, old: int, size: int, word: str = "entry", **change: Any) -> bytes:
        """A request to cosign the checkpoint of `size`."""
        asked = AddCheckpoint(old, self.proof(old, size, word), bytes(self.note(size, word)))
        return bytes(replace(asked, **change))

    def announce(self) -> PrivateKey:
        """Announces a next key, an hour after the last document."""
        key = self.log_key(f"key {len(self.documents)}")
        last = self.documents[-1]
        self.add(announce_key(last, key.vkey, last.issued + MIN_BETWEEN_S), self.key, key)
        return key

    def switch(self, key: PrivateKey) -> None:
        """Lets the announced key take over, a week later."""
        last = self.documents[-1]
        self.add(switch_key(last, last.issued + MIN_OVERLAP_S), self.key)
        self.key = key

    def recover(self, size: int) -> None:
        """Gives the log another key by the recovery key; up to `size` it was right."""
        last, key, following = self.documents[-1], self.log_key("rescue"), self.recovery_key(2)
        says = Recovery(
            self.recovery.vkey,
            key.vkey,
            fingerprint_recovery(following.vkey.public_key),
            RightTree(size, self.root(size)),
        )
        self.add(recover_key(last, last.issued + MIN_BETWEEN_S, says), self.recovery, key)
        self.key, self.recovery = key, following

    def add(self, document: Operations, *keys: PrivateKey) -> None:
        self.documents.append(document)
        self.notes.append(bytes(sign_operations(document, keys)))


async def confirm_peer(
    database: Database,
    log: PeerLog,
    *,
    address: str | None = None,
    standing: Standing = Standing.FOLLOWING,
    now: datetime = START,
) -> None:
    """Stores a peer as an operator's confirmation leaves it, with the documents that are held of its log."""
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO origin (name, standing) VALUES ($1, $2)", log.origin, standing.value
        )
        await connection.execute(
            "INSERT INTO peer (origin, address, first_key, confirmed_at) VALUES ($1, $2, $3, $4)",
            log.origin,
            address or f"https://{log.host}",
            str(log.documents[0].log_key),
            now,
        )
        await connection.execute(
            "INSERT INTO peer_log (origin, root, next_at) VALUES ($1, $2, $3)", log.origin, EMPTY_ROOT, now
        )
    await hold_documents(database, log)


async def hold_documents(database: Database, log: PeerLog, *, found: int | None = None) -> None:
    """Stores the documents of a log that are not held yet; the first `found` as found in its tree, all by default."""
    async with database.transaction() as connection:
        number = await connection.fetchval("SELECT id FROM peer_log WHERE origin = $1", log.origin)
        for at, note in enumerate(log.notes):
            leaf = at if found is None or at < found else None
            await _hold(connection, number, at, note, leaf)


async def _hold(connection: Connection, log: int, number: int, note: bytes, leaf: int | None) -> None:
    await connection.execute(
        "INSERT INTO peer_document (log, number, note, leaf) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (log, number) DO UPDATE SET leaf = excluded.leaf",
        log,
        number,
        note,
        leaf,
    )


async def standing_of(database: Database, origin: str) -> Standing:
    async with database.connection() as connection:
        return Standing(await connection.fetchval("SELECT standing FROM origin WHERE name = $1", origin))
