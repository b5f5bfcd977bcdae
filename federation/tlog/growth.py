"""Appends a batch to a tree: the tiles to write, and the new root. https://c2sp.org/tlog-tiles@v0.1.0#merkle-tree"""

from dataclasses import dataclass
from typing import Self

from federation.tlog.merkle import HASH_BYTES, CompactRange
from federation.tlog.reading import ReadTile, TileHashes
from federation.tlog.tiles import (
    MAX_TILE_LEVEL,
    TILE_BYTES,
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    count_hashes,
    right_edge,
)


@dataclass(frozen=True, slots=True)
class Edge:
    """The right edge of a tree: all that appending to it needs, at most 64 KiB.

    `partials` has one item for each tile level from 0: the hashes of its partial tile, empty
    where there is none.
    """

    range: CompactRange
    partials: tuple[bytes, ...]

    @classmethod
    def empty(cls) -> Self:
        """Makes the edge of a tree without leaves."""
        return cls(CompactRange(), (b"",) * (MAX_TILE_LEVEL + 1))

    @classmethod
    def load(cls, size: int, read: ReadTile) -> Self:
        """Reads the edge from the partial tiles of `right_edge(size)`. Compare `root()` with the signed one before use."""
        tiles = {tile.level: tile.read(read(tile)) for tile in right_edge(size)}
        partials = tuple(tiles.get(level, b"") for level in range(MAX_TILE_LEVEL + 1))
        # Every node of the compact range lies in a partial tile: the bits of `size` are their widths.
        hashes = TileHashes(size, lambda tile: partials[tile.level])
        return cls(hashes.compact_range(), partials)

    @property
    def size(self) -> int:
        return self.range.size

    def root(self) -> bytes:
        return self.range.root()


@dataclass(frozen=True, slots=True)
class Growth:
    """A tree after a batch: its right edge, and every tile to write, as `tiles_added` names them."""

    edge: Edge
    tiles: tuple[tuple[Tile, bytes], ...]


def grow(edge: Edge, leaf_hashes: bytes) -> Growth:
    """Appends a run of leaf hashes (32 bytes each), and computes about one more hash a leaf.

    The batch is held in memory a few times. Grow a large one in pieces: only the last one's
    partial tiles are ever served.
    """
    extension = edge.range.extend(leaf_hashes)
    tiles: list[tuple[Tile, bytes]] = []
    partials = list(edge.partials)
    for level, nodes in enumerate(extension.levels[::TILE_HEIGHT]):
        if not nodes:
            continue
        hashes = partials[level] + nodes
        first = count_hashes(edge.size, level) // TILE_WIDTH
        for i in range(0, len(hashes), TILE_BYTES):
            data = hashes[i : i + TILE_BYTES]
            tiles.append((Tile(level, first + i // TILE_BYTES, len(data) // HASH_BYTES), data))
        partials[level] = hashes[len(hashes) // TILE_BYTES * TILE_BYTES :]
    return Growth(Edge(extension.range, tuple(partials)), tuple(tiles))
