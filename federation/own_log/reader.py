"""Serves our own log: checkpoint, tiles and documents to anyone, proofs to their subjects."""

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from directory.clock import Clock
from federation.errors import InvalidTile, LogEmpty, Malformed, UnknownLeaf
from federation.keys.chain import has_come, parse_operations_note
from federation.keys.operations import Operations, witness_of
from federation.keys.witness_keys import WitnessKeys
from federation.own_log.mapping_proof import make_mapping_proof
from federation.protocol.entry import STRIDE_BYTES
from federation.store.doubt import Doubt
from federation.store.log import LogStore, Published
from federation.store.proof_links import PROOF_LINK_LIFE
from federation.tlog.cosignature import CosignatureVerifier
from federation.tlog.keys import VerifierKey
from federation.tlog.note import Note, Signature, parse_note
from federation.tlog.reading import TileHashes, inclusion_tiles
from federation.tlog.tiles import TILE_WIDTH, Bundle, Tile, count_hashes, parse_path

MAX_CACHED_TILES: Final = 2_048
"""At most 18 MB a process. What is published under a path never changes."""
LATE_AFTER: Final = timedelta(minutes=15)
"""Without a cosignature for so long, no process leads: one is made every ten minutes."""
MAX_COSIGNATURES: Final = 50
"""Witnesses that are shown on a checkpoint, our own first: a note has at most 100 lines."""


class LogService:
    """The reads of our own log, shared by all requests of a process."""

    def __init__(self, store: LogStore, clock: Clock, witnesses: WitnessKeys | None = None) -> None:
        """Without `witnesses`, the cosignatures of our own witness alone are shown."""
        self._store = store
        self._clock = clock
        self._witnesses = witnesses
        self._seen_size = 0
        self._cosigned_as: Published | None = None
        self._cosigned: Note
        self._tiles: OrderedDict[Tile | Bundle, bytes] = OrderedDict()

    async def published(self) -> Published:
        """Returns the published checkpoint. Raises LogEmpty before the first one."""
        published = await self._store.find_published()
        if published is None:
            raise LogEmpty("this instance has published nothing yet")
        self._seen_size = max(self._seen_size, published.size)
        return published

    async def checkpoint(self) -> bytes:
        """Returns the published checkpoint with the cosignatures on it. Raises LogEmpty before the first one."""
        return bytes(await self._cosign(await self.published()))

    async def find_doubt(self, origin: str) -> Doubt | None:
        """Finds why publishing waits, as far as the database tells. Returns None where it does not."""
        return await self._store.find_doubt(origin, witness_of(origin), self._clock.now() - LATE_AFTER)

    async def read_tile(self, path: str) -> bytes:
        """Reads a tile or an entry bundle by its path below the log. Raises InvalidTile where none is published there."""
        item = parse_path(path)
        kept = self._tiles.get(item)
        if kept is not None:
            self._tiles.move_to_end(item)
            return kept
        if not _is_within(item, self._seen_size) and not _is_within(item, (await self.published()).size):
            raise InvalidTile("no such tile is published yet")
        found = (await self._store.find_tiles([item])).get(item)
        if found is None:
            raise InvalidTile("this tile is not here")
        return self._keep(item, _cut(item, found))

    async def documents(self) -> list[bytes]:
        """Lists all published operations documents, signed. Raises LogEmpty."""
        return await self._store.list_documents((await self.published()).size)

    def document_in_force(self, documents: Sequence[bytes]) -> Operations:
        """Parses the document in force now, of all documents of our own log."""
        now = int(self._clock.now().timestamp())
        parsed = (parse_operations_note(note)[0] for note in reversed(documents))
        found = next((each for each in parsed if each.recovered_by or has_come(each, now)), None)
        return found or parse_operations_note(documents[0])[0]

    async def is_live(self, origin: str, leaf: int) -> bool:
        """Tells whether the mapping of a leaf answers here now.

        Raises UnknownLeaf where this instance does not know that log, or our own log has not published the leaf.
        """
        answer = await self._store.is_answering(origin, leaf, self._clock.now())
        if answer is None:
            raise UnknownLeaf(f"nothing is known here of the log {origin}")
        if not answer:
            published = await self._store.find_published()
            if published is not None and published.origin == origin and leaf >= published.size:
                raise UnknownLeaf(f"the log {origin} has no leaf {leaf} yet")
        return answer

    async def make_proof(self, leaf: int) -> bytes:
        """Makes the `.tlog-proof` of a leaf. It reveals the mapping: only for its subject, or with their consent.

        Raises UnknownLeaf, LogEmpty.
        """
        published = await self.published()
        unknown = UnknownLeaf(f"leaf {leaf} says nothing, or it was withdrawn and is erased")
        if not 0 <= leaf < published.size:
            raise unknown
        needed = inclusion_tiles(leaf, published.size)
        statement, tiles = await asyncio.gather(self._store.find_statement(leaf), self._find_tiles(needed))
        if statement is None:
            raise unknown
        hashes = TileHashes.fetched(published.size, tiles).prove_inclusion(leaf)
        return bytes(make_mapping_proof(leaf, hashes, await self._cosign(published), *statement))

    async def create_proof_link(self, leaf: int) -> str:
        """Creates a token with which the proof of a leaf can be fetched once, within an hour."""
        token = secrets.token_urlsafe(24)
        await self._store.add_proof_link(_hash(token), leaf, self._clock.now() + PROOF_LINK_LIFE)
        return token

    async def redeem_proof_link(self, leaf: int, token: str) -> bytes:
        """Uses up a token, and makes the proof. Raises UnknownLeaf, also where the token is wrong, used or too old."""
        if not await self._store.take_proof_link(_hash(token), leaf, self._clock.now()):
            raise UnknownLeaf("this link was used, has run out, or never was")
        return await self.make_proof(leaf)

    async def _cosign(self, published: Published) -> Note:
        """Returns the note with the cosignatures of our own witness and of peers. One that is false is left out: with a
        false line of a key that they know, readers would refuse the note."""
        if published != self._cosigned_as:
            documents = await self._store.list_documents(published.size)
            own = parse_operations_note(documents[-1])[0].witness_key
            keys = [own, *await self._find_witnesses(published.cosignatures, own.name)]
            witnesses = [CosignatureVerifier(key) for key in keys[:MAX_COSIGNATURES]]
            self._cosigned = with_cosignatures(published.note, published.cosignatures, witnesses)
            self._cosigned_as = published
        return self._cosigned

    async def _find_witnesses(self, lines: Sequence[str], own: str) -> list[VerifierKey]:
        """Finds the keys of the peers that lines name."""
        if self._witnesses is None:
            return []
        names = {name for name in map(_name_in, lines) if name not in {"", own}}
        found = await self._witnesses.find(names) if names else {}
        return [found[name] for name in sorted(found)]

    async def _find_tiles(self, needed: list[Tile]) -> dict[Tile, bytes]:
        """Finds published tiles, cached: all proofs share most of them."""
        # Taken out before the database is asked: whoever reads other tiles meanwhile displaces them.
        kept = {tile: self._tiles[tile] for tile in needed if tile in self._tiles}
        missing = [tile for tile in needed if tile not in kept]
        found = await self._store.find_tiles(missing) if missing else {}
        fresh = {tile: _cut(tile, found[tile]) for tile in missing}
        for tile, data in fresh.items():
            self._keep(tile, data)
        return kept | fresh

    def _keep(self, item: Tile | Bundle, data: bytes) -> bytes:
        self._tiles[item] = data
        if len(self._tiles) > MAX_CACHED_TILES:
            self._tiles.popitem(last=False)
        return data


def with_cosignatures(signed: bytes, lines: Sequence[str], witnesses: Sequence[CosignatureVerifier]) -> Note:
    """Returns a note with those of the lines that are a true cosignature of one of these witnesses."""
    note, true = parse_note(signed), list[Signature]()
    known = {(witness.vkey.name, witness.vkey.key_id): witness for witness in witnesses}
    for line in lines:
        with suppress(Malformed):
            signature = Signature.parse(line)
            witness = known.get((signature.name, signature.key_id))
            if witness is not None and witness.is_valid(note.text.encode(), signature.payload):
                true.append(signature)
    return note.signed_also(true)


def _name_in(line: str) -> str:
    """Returns the name in a signature line, empty where it is none."""
    with suppress(Malformed):
        return Signature.parse(line).name
    return ""


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _is_within(item: Tile | Bundle, size: int) -> bool:
    level = item.level if isinstance(item, Tile) else 0
    return item.index * TILE_WIDTH + item.width <= count_hashes(size, level)


def _cut(item: Tile | Bundle, data: bytes) -> bytes:
    """Cuts stored data to the width that was asked for: the tile or bundle may have grown since."""
    return data[: item.byte_count if isinstance(item, Tile) else item.width * STRIDE_BYTES]
