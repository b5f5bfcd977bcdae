"""Reads our own log for `check_log`: one snapshot of the database, in pieces, fetched ahead of the reader."""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from directory.store.database import Connection
from federation.errors import FederationError
from federation.fsck.bodies import BodyRow
from federation.fsck.bundle_hashing import FULL_BUNDLE_BYTES, HashedBundle, hash_bundle
from federation.fsck.operations import DocumentRow
from federation.keys.chain import MAX_DOCUMENTS
from federation.protocol.tile_places import place_of
from federation.store.log_scan import (
    StatementRow,
    count_revokes,
    fetch_documents,
    fetch_statements_after,
    fetch_tiles_between,
)
from federation.tlog.text import MAX_INT
from federation.tlog.tiles import TILE_WIDTH, Bundle, Tile, count_hashes

TILES_AT_ONCE: Final = 64
CHUNKS_AHEAD: Final = 3
"""One is fetched while two are hashed."""
ROWS_AT_ONCE: Final = 2_000

HashElsewhere = Callable[[Sequence[bytes]], "Future[list[HashedBundle]]"]

T = TypeVar("T")


class CheckStopped(FederationError):
    """The check was cancelled."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Neighbouring tiles or bundles by their places, and the hashes of full bundles where they are known."""

    first: int
    tiles: Mapping[int, bytes]
    hashed: Mapping[int, HashedBundle] = field(default_factory=dict)


class DatabaseLog:
    """The `LogSource` of one snapshot. A thread reads it; the connection belongs to the event loop.

    `published` is how many leaves are published, None to leave out salts and bodies. `hash_elsewhere` hashes full bundles ahead of the reader, outside its thread.
    """

    def __init__(
        self,
        connection: Connection,
        size: int,
        loop: asyncio.AbstractEventLoop,
        *,
        published: int | None,
        hash_elsewhere: HashElsewhere | None = None,
    ) -> None:
        self._connection = connection
        self._size = size
        self._loop = loop
        self._published = published
        self._hash_elsewhere = hash_elsewhere
        self._chunks: dict[int, _Chunk] = {}
        self._ahead: dict[int, deque[Future[_Chunk]]] = {}
        self._next_rows: Future[list[StatementRow]] | None = None
        self._turn = asyncio.Lock()
        self._is_stopped = False

    def find_bundle(self, bundle: Bundle) -> bytes | None:
        return self._chunk_of(bundle).tiles.get(place_of(bundle))

    def hash_bundle(self, bundle: Bundle, data: bytes) -> HashedBundle:
        """Returns the hashes of what `find_bundle` returned."""
        known = self._chunk_of(bundle).hashed.get(place_of(bundle))
        return hash_bundle(data) if known is None or bundle.width < TILE_WIDTH else known

    def find_tile(self, tile: Tile) -> bytes | None:
        return self._chunk_of(tile).tiles.get(place_of(tile))

    def read_operations(self) -> Sequence[DocumentRow]:
        return [
            DocumentRow(*row)
            for row in self._start(fetch_documents(self._connection, MAX_DOCUMENTS)).result()
        ]

    def read_rows(self) -> Iterable[BodyRow] | None:
        return None if self._published is None else self._rows()

    def count_revokes(self) -> int:
        return self._start(count_revokes(self._connection, self._published or 0)).result()

    def stop(self) -> None:
        """Stops the reader: its next fetch raises CheckStopped."""
        self._is_stopped = True

    def settle(self) -> None:
        """Waits for the fetches started ahead, so that the connection is free again."""
        asked: list[Future[Any]] = list(itertools.chain.from_iterable(self._ahead.values()))
        wait(asked if self._next_rows is None else [*asked, self._next_rows])

    def _rows(self) -> Iterator[BodyRow]:
        """Yields all rows. The next ones are fetched while some are read."""
        self._next_rows = self._ask_rows(-MAX_INT)
        while rows := self._next_rows.result():
            if self._is_stopped:
                raise CheckStopped
            self._next_rows = self._ask_rows(rows[-1][0])
            yield from map(BodyRow._make, rows)

    def _ask_rows(self, after: int) -> "Future[list[StatementRow]]":
        return self._start(fetch_statements_after(self._connection, after, ROWS_AT_ONCE))

    def _chunk_of(self, item: Tile | Bundle) -> _Chunk:
        level, place = _level_of(item), place_of(item)
        chunk = self._chunks.get(level)
        if chunk is None or not chunk.first <= place < chunk.first + TILES_AT_ONCE:
            chunk = self._chunks[level] = self._next_chunk(level, place, place + self._count_after(item))
        return chunk

    def _count_after(self, item: Tile | Bundle) -> int:
        """Counts the tiles of its level from `item` on."""
        hashes = count_hashes(self._size, 0 if isinstance(item, Bundle) else item.level)
        return -(-hashes // TILE_WIDTH) - item.index

    def _next_chunk(self, level: int, place: int, end: int) -> _Chunk:
        """Returns the tiles from `place` on. Those after them are fetched while these are read."""
        if self._is_stopped:
            raise CheckStopped
        ahead = self._ahead.setdefault(level, deque())
        start = place + len(ahead) * TILES_AT_ONCE
        wanted = range(start, min(end, place + (1 + CHUNKS_AHEAD) * TILES_AT_ONCE), TILES_AT_ONCE)
        ahead.extend(asyncio.run_coroutine_threadsafe(self._fetch(first), self._loop) for first in wanted)
        return ahead.popleft().result()

    async def _fetch(self, first: int) -> _Chunk:
        async with self._turn:
            tiles = await fetch_tiles_between(self._connection, first, first + TILES_AT_ONCE)
        if self._hash_elsewhere is None or first >= TILES_START:
            return _Chunk(first, tiles)
        full = {place: data for place, data in tiles.items() if len(data) == FULL_BUNDLE_BYTES}
        hashed = await asyncio.wrap_future(self._hash_elsewhere(list(full.values())))
        return _Chunk(first, tiles, dict(zip(full, hashed, strict=True)))

    def _start(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        async def run() -> T:
            async with self._turn:
                return await work

        return asyncio.run_coroutine_threadsafe(run(), self._loop)


def _level_of(item: Tile | Bundle) -> int:
    return -1 if isinstance(item, Bundle) else item.level


TILES_START: Final = place_of(Tile(0, 0))
"""The places below it are those of bundles."""
