"""Checks our own log as it lies in the database: one snapshot, read in pieces, memory flat."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from directory.store.database import Connection, Database
from federation.body_check import BodyRow
from federation.entry import ENTRY_BYTES
from federation.errors import LogEmpty, LogRefused, Malformed, UntrustedNote
from federation.findings import Finding
from federation.fsck import check_log
from federation.log_state import read_own_checkpoint
from federation.store.log_rows import fetch_state
from federation.store.log_scan import (
    fetch_answers_without_leaf,
    fetch_document,
    fetch_statements_after,
    fetch_tiles_between,
)
from federation.store.places import place_of
from federation.tlog.bundles import LENGTH_BYTES
from federation.tlog.checkpoint import Checkpoint, LogTrust, open_checkpoint
from federation.tlog.keys import VerifierKey
from federation.tlog.merkle import HASH_BYTES
from federation.tlog.note import NoteVerifier
from federation.tlog.tiles import TILE_WIDTH, Bundle, Tile

TILES_AT_ONCE: Final = 64
ROWS_AT_ONCE: Final = 2_000
MAX_ANSWERS_TOLD: Final = 100

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FsckReport:
    """What was checked, and everything that is wrong with it."""

    checkpoint: Checkpoint
    findings: tuple[Finding, ...]
    answers_without_leaf: tuple[int, ...] = ()
    """Row numbers of mappings of this instance that answer though its log does not say them."""

    @property
    def is_clean(self) -> bool:
        return not self.findings and not self.answers_without_leaf


async def check_database_log(
    database: Database,
    *,
    checkpoint_keys: Sequence[VerifierKey] = (),
    first_key: VerifierKey | None = None,
    with_bodies: bool = True,
    progress: Callable[[int], None] = lambda leaves: None,
) -> FsckReport:
    """Checks the published log. `checkpoint_keys` are those of which one must have signed its checkpoint.

    Raises LogEmpty, LogRefused where the checkpoint itself cannot be believed, DirectoryUnavailable.
    """
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        state = await fetch_state(connection)
        if state is None or state.published is None:
            raise LogEmpty("this instance has published nothing yet")
        checkpoint = read_own_checkpoint(state.published)
        _verify(state.published, state.origin, checkpoint_keys)
        source = _DatabaseLog(connection, checkpoint, asyncio.get_running_loop(), with_bodies=with_bodies)

        def run() -> tuple[Finding, ...]:
            try:
                return tuple(check_log(checkpoint, source, log_key=first_key, progress=progress))
            finally:
                source.settle()

        findings = await asyncio.to_thread(run)
        stray = await fetch_answers_without_leaf(connection, state.origin, MAX_ANSWERS_TOLD)
    return FsckReport(checkpoint, findings, tuple(stray))


def _verify(note: bytes, origin: str, keys: Sequence[VerifierKey]) -> None:
    if not keys:
        return
    try:
        open_checkpoint(note, LogTrust(origin, tuple(map(NoteVerifier, keys))))
    except (Malformed, UntrustedNote) as error:
        raise LogRefused(f"the published checkpoint is not by a key of this log: {error}") from error


class _DatabaseLog:
    """The `LogSource` over one snapshot. Used by a thread, while the connection lives on the loop."""

    def __init__(
        self,
        connection: Connection,
        checkpoint: Checkpoint,
        loop: asyncio.AbstractEventLoop,
        *,
        with_bodies: bool,
    ) -> None:
        self._connection = connection
        self._size = checkpoint.size
        self._loop = loop
        self._with_bodies = with_bodies
        self._chunks: dict[int, _Chunk] = {}
        self._ahead: dict[int, tuple[int, Future[_Chunk]]] = {}
        self._turn = asyncio.Lock()

    def find_bundle(self, bundle: Bundle) -> bytes | None:
        return self._find(bundle, -1, bundle.width * (LENGTH_BYTES + ENTRY_BYTES))

    def find_tile(self, tile: Tile) -> bytes | None:
        return self._find(tile, tile.level, tile.width * HASH_BYTES)

    def find_operations(self, leaf: int) -> bytes | None:
        return self._wait(fetch_document(self._connection, leaf))

    def read_rows(self) -> Iterable[BodyRow] | None:
        return self._rows() if self._with_bodies else None

    def settle(self) -> None:
        """Waits for what was asked for ahead, so that the connection is free again."""
        wait([ahead for _, ahead in self._ahead.values()])

    def _rows(self) -> Iterator[BodyRow]:
        last = -1
        while rows := self._wait(fetch_statements_after(self._connection, last, self._size, ROWS_AT_ONCE)):
            yield from (BodyRow(*row) for row in rows)
            last = rows[-1][0]

    def _find(self, item: Tile | Bundle, level: int, byte_count: int) -> bytes | None:
        place = place_of(item)
        chunk = self._chunks.get(level)
        if chunk is None or not chunk.first <= place < chunk.first + TILES_AT_ONCE:
            chunk = self._next_chunk(level, place)
            self._chunks[level] = chunk
        data = chunk.tiles.get(place)
        # What was staged after the checkpoint has made the last tiles wider.
        return None if data is None else data[:byte_count] if item.width < TILE_WIDTH else data

    def _next_chunk(self, level: int, place: int) -> "_Chunk":
        """The tiles from `place` on. Those after them are asked for at once, and come while these are hashed."""
        first, ahead = self._ahead.pop(level, (-1, None))
        if ahead is None or first != place:
            ahead = self._start(place)
        chunk = ahead.result()
        if len(chunk.tiles) == TILES_AT_ONCE:
            self._ahead[level] = (place + TILES_AT_ONCE, self._start(place + TILES_AT_ONCE))
        return chunk

    def _start(self, place: int) -> "Future[_Chunk]":
        return asyncio.run_coroutine_threadsafe(self._fetch(place), self._loop)

    async def _fetch(self, place: int) -> "_Chunk":
        async with self._turn:
            return _Chunk(place, await fetch_tiles_between(self._connection, place, place + TILES_AT_ONCE))

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        async def run() -> T:
            async with self._turn:
                return await work

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Neighbouring tiles or bundles, by their places."""

    first: int
    tiles: dict[int, bytes]
