"""Re-derives the tree of a log from its leaves, and compares it with the stored tiles."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from federation.fsck.bundle_hashing import HashedBundle
from federation.fsck.findings import Fault, Finding
from federation.protocol.entry import STRIDE_BYTES
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.merkle import HASH_BYTES, hash_perfect
from federation.tlog.reading import TileHashes
from federation.tlog.tiles import MAX_TILE_LEVEL, TILE_BYTES, TILE_WIDTH, Bundle, Tile, bundle_at, tile_at

FindTile = Callable[[Tile], bytes | None]
"""Returns what is stored for a tile, None where nothing is."""


@dataclass(frozen=True, slots=True)
class _Edge:
    """A partial tile: no tile above confirms it, so the root must."""

    tile: Tile
    derived: bytes | None
    stored: bytes | None

    def options(self) -> list[bytes]:
        both = (self.derived, self.stored)
        return list(dict.fromkeys(each for each in both if each is not None))


class TreeCheck:
    """Takes the leaf hashes of each bundle in order, and compares every tile once it is complete.

    Where a tile differs from what lies below it, the tile above decides which of the two is wrong:
    so the fault is reported at its own place, and not at each level above. Memory: two tiles a level.
    """

    def __init__(self, checkpoint: Checkpoint, find_tile: FindTile) -> None:
        self._checkpoint = checkpoint
        self._find_tile = find_tile
        self._rows = [bytearray() for _ in range(MAX_TILE_LEVEL + 2)]
        self._counts = [0] * (MAX_TILE_LEVEL + 2)
        self._kept: dict[int, tuple[Tile, bytes | None, Finding | None]] = {}
        self._edges: list[_Edge] = []

    def add_bundle(self, hashed: HashedBundle | None) -> Iterator[Finding]:
        """Takes the hashes of the next bundle; None where its entries could not be read."""
        if hashed is None:
            yield from self._close(0, None)
        else:
            yield from self._close(0, hashed.leaves, hashed.root)

    def finish(self) -> Iterator[Finding]:
        """Checks the right edge and the root. Call it after the last bundle."""
        for level in range(1, MAX_TILE_LEVEL + 1):
            if self._rows[level]:
                yield from self._close(level, bytes(self._rows[level]))
        yield from self._check_root()

    def _close(self, level: int, derived: bytes | None, root: bytes | None = None) -> Iterator[Finding]:
        """Compares a tile with the hashes derived for it. `root` is the root of `derived`, where it is known."""
        tile = tile_at(self._checkpoint.size, level, self._counts[level])
        self._counts[level] += 1
        stored, finding = self._read(tile)
        if finding:
            yield finding
        if tile.width < TILE_WIDTH:
            self._edges.append(_Edge(tile, derived, stored))
            return
        if derived is not None and derived == stored:
            node = root or hash_perfect(derived)
        else:
            node, findings = self._settle(tile, derived, stored)
            yield from findings
        row = self._rows[level + 1]
        row += node
        if len(row) == TILE_BYTES:
            self._rows[level + 1] = bytearray()
            yield from self._close(level + 1, bytes(row))

    def _settle(
        self, tile: Tile, derived: bytes | None, stored: bytes | None
    ) -> tuple[bytes, Iterator[Finding]]:
        """Returns the hash to go on with for a full tile that differs from what lies below it, and the findings."""
        nothing: Iterator[Finding] = iter(())
        if derived is None or stored is None:
            known = stored if derived is None else derived
            # With neither tile nor entries, the hash in the tile above stands in: the loss was reported before.
            return (hash_perfect(known) if known else self._hash_above(tile) or bytes(HASH_BYTES)), nothing
        from_derived, from_stored = hash_perfect(derived), hash_perfect(stored)
        if self._hash_above(tile) == from_stored:
            return from_stored, _blame_below(self._checkpoint.size, tile, derived, stored)
        return from_derived, _blame_tile(tile, derived, stored)

    def _hash_above(self, tile: Tile) -> bytes | None:
        above, place = divmod(tile.index, TILE_WIDTH)
        stored, _ = self._read(tile_at(self._checkpoint.size, tile.level + 1, above))
        return stored and stored[place * HASH_BYTES : (place + 1) * HASH_BYTES]

    def _read(self, tile: Tile) -> tuple[bytes | None, Finding | None]:
        """Reads a tile. Returns its hashes, None where it is missing or of a wrong length, and the finding about it.
        The last tile of each level is cached."""
        kept = self._kept.get(tile.level)
        if kept is None or kept[0] != tile:
            data = self._find_tile(tile)
            finding = None
            if data is None:
                finding = Finding(Fault.MISSING, tile)
            elif len(data) not in {tile.byte_count, TILE_BYTES}:
                finding = Finding(
                    Fault.WRONG_LENGTH, tile, detail=f"{len(data)} bytes, not {tile.byte_count}"
                )
            kept = (tile, None if finding or data is None else data[: tile.byte_count], finding)
            self._kept[tile.level] = kept
        return kept[1], kept[2]

    def _check_root(self) -> Iterator[Finding]:
        options = [edge.options() for edge in self._edges]
        if not all(options):
            return
        for choice in itertools.product(*options):
            if self._root_of(choice) == self._checkpoint.root:
                break
        else:
            yield Finding(Fault.WRONG_ROOT, detail=f"size {self._checkpoint.size}")
            choice = tuple(each[0] for each in options)
        for edge, chosen in zip(self._edges, choice, strict=True):
            if edge.derived is None or edge.stored is None or edge.derived == edge.stored:
                continue
            if chosen == edge.derived:
                yield from _blame_tile(edge.tile, edge.derived, edge.stored)
            else:
                yield from _blame_below(self._checkpoint.size, edge.tile, edge.derived, edge.stored)

    def _root_of(self, choice: tuple[bytes, ...]) -> bytes:
        partials = dict(zip((edge.tile for edge in self._edges), choice, strict=True))
        return TileHashes.fetched(self._checkpoint.size, partials).compact_range().root()


def _differing(one: bytes, two: bytes) -> Iterator[int]:
    """Yields the positions of the hashes that differ."""
    for at in range(0, len(one), HASH_BYTES):
        if one[at : at + HASH_BYTES] != two[at : at + HASH_BYTES]:
            yield at // HASH_BYTES


def _blame_tile(tile: Tile, derived: bytes, stored: bytes) -> Iterator[Finding]:
    for place in _differing(derived, stored):
        start = place * HASH_BYTES
        byte = next(at for at in range(start, start + HASH_BYTES) if derived[at] != stored[at])
        yield Finding(Fault.WRONG_HASH, tile, byte)


def _blame_below(size: int, tile: Tile, derived: bytes, stored: bytes) -> Iterator[Finding]:
    for place in _differing(derived, stored):
        below = tile.index * TILE_WIDTH + place
        if tile.level == 0:
            bundle: Bundle = bundle_at(size, tile.index)
            yield Finding(Fault.WRONG_ENTRY, bundle, place * STRIDE_BYTES, below)
        else:
            yield Finding(Fault.WRONG_SUBTREE, tile_at(size, tile.level - 1, below))
