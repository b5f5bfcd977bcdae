"""Reads hashes, roots and proofs from tiles. https://c2sp.org/tlog-tiles@v0.1.0

Not trusted: a tile holds only as far as it leads to the signed root. Whoever reads the tiles of
another log verifies the proof, or the root, that comes out.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final, Self

from federation.errors import InvalidProof
from federation.tlog.merkle import HASH_BYTES, CompactRange, hash_perfect
from federation.tlog.paths import (
    Node,
    Span,
    consistency_spans,
    inclusion_spans,
    nodes_of,
    prove_consistency,
    prove_inclusion,
    prove_prefix,
)
from federation.tlog.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, tile_at

ReadTile = Callable[[Tile], bytes]
"""Returns what is served for a tile: its bytes, or those of the full tile in its place."""

_hash_shared: Final = lru_cache(maxsize=2_048)(hash_perfect)
"""For runs above the leaves, which the proofs of thousands have in common: some 3 MB, by what they hold."""


def _place(node: Node) -> tuple[int, int, int]:
    """Returns the tile level, the first hash in that level, and the number of hashes that a node is made of."""
    level, height = divmod(node.level, TILE_HEIGHT)
    return level, node.index << height, 1 << height


def tiles_of_spans(size: int, spans: Iterable[Span]) -> list[Tile]:
    """Lists every tile that the hashes of these spans need, each once, in order."""
    places = {_place(node)[:2] for span in spans for node in nodes_of(span)}
    return sorted({tile_at(size, level, first // TILE_WIDTH) for level, first in places})


def inclusion_tiles(index: int, size: int) -> list[Tile]:
    """Lists the tiles that an inclusion proof needs. Raises ValueError if out of range."""
    return tiles_of_spans(size, inclusion_spans(index, size))


def consistency_tiles(old_size: int, new_size: int) -> list[Tile]:
    """Lists the tiles that a consistency proof needs. Raises ValueError if out of range."""
    return tiles_of_spans(new_size, consistency_spans(old_size, new_size))


def root_tiles(size: int) -> list[Tile]:
    """Lists the tiles that the root of a tree needs: its right edge."""
    return tiles_of_spans(size, [(0, size)])


class TileHashes:
    """The nodes of a tree of `size` leaves, read through tiles. Each tile is read once.

    Whatever `read` raises passes through; a tile of a wrong length raises InvalidTile.
    """

    def __init__(self, size: int, read: ReadTile) -> None:
        self._size = size
        self._read = read
        self._tiles: dict[Tile, bytes] = {}

    @classmethod
    def fetched(cls, size: int, tiles: dict[Tile, bytes]) -> Self:
        """Reads from tiles that are fetched already; any other tile raises KeyError."""
        return cls(size, tiles.__getitem__)

    def hash_of(self, node: Node) -> bytes:
        """Returns the hash of a node that is complete in this tree."""
        level, first, count = _place(node)
        tile = tile_at(self._size, level, first // TILE_WIDTH)
        offset = first % TILE_WIDTH * HASH_BYTES
        run = self._hashes(tile)[offset : offset + count * HASH_BYTES]
        return _hash_shared(run) if level else hash_perfect(run)

    def compact_range(self) -> CompactRange:
        """Reads the compact range: what appending to the tree needs, and its root."""
        return CompactRange(self._size, tuple(self.hash_of(node) for node in nodes_of((0, self._size))))

    def prove_inclusion(self, index: int) -> tuple[bytes, ...]:
        """Makes the inclusion proof of a leaf. Raises ValueError if out of range."""
        return prove_inclusion(index, self._size, self.hash_of)

    def prove_consistency(self, old_size: int) -> tuple[bytes, ...]:
        """Makes the proof from a smaller tree to this one. Raises ValueError if out of range."""
        return prove_consistency(old_size, self._size, self.hash_of)

    def prove_prefix(self, old_size: int) -> tuple[bytes, ...]:
        """Lists the hashes that show which root this tree had at a smaller size. Raises ValueError if out of range."""
        return prove_prefix(old_size, self._size, self.hash_of)

    def check_root(self, root: bytes) -> None:
        """Compares the root with `root`. Raises InvalidProof if the right edge does not lead to it."""
        if self.compact_range().root() != root:
            raise InvalidProof(f"the tiles of size {self._size} do not lead to its root")

    def _hashes(self, tile: Tile) -> bytes:
        if tile not in self._tiles:
            self._tiles[tile] = tile.read(self._read(tile))
        return self._tiles[tile]
