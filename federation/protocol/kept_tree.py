"""The tree of a peer that was read, as far as its bundles' roots tell it: roots of smaller sizes, and proofs. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from federation.protocol.entry import STRIDE_BYTES
from federation.tlog.bundles import LENGTH_BYTES
from federation.tlog.merkle import EMPTY_ROOT, HASH_BYTES, CompactRange, hash_leaves, hash_perfect
from federation.tlog.paths import Node, nodes_of, prove_prefix
from federation.tlog.tiles import TILE_HEIGHT, TILE_WIDTH


@dataclass(frozen=True, slots=True)
class KeptTree:
    """A tree of `size` leaves. `roots` is a run: one hash for each full bundle. `bundles` are the entries of those bundles
    in which it or a smaller tree in question ends, by number."""

    size: int
    roots: bytes
    bundles: Mapping[int, bytes]

    def range_at(self, size: int) -> CompactRange:
        """Computes the right edge that the tree had at `size`."""
        return CompactRange(size, tuple(self.hash_of(node) for node in nodes_of((0, size))))

    def root_at(self, size: int) -> bytes:
        """Computes the root that the tree had at `size`."""
        return self.range_at(size).root() if size else EMPTY_ROOT

    def prove_prefix(self, size: int) -> tuple[bytes, ...]:
        """Lists the hashes that show which root the tree had at `size`."""
        return prove_prefix(size, self.size, self.hash_of)

    def hash_of(self, node: Node) -> bytes:
        """Returns the hash of a node. Raises KeyError on a bundle that was not given."""
        if node.level >= TILE_HEIGHT:
            count = 1 << (node.level - TILE_HEIGHT)
            first = node.index * count * HASH_BYTES
            return hash_perfect(self.roots[first : first + count * HASH_BYTES])
        count = 1 << node.level
        index, at = divmod(node.index * count, TILE_WIDTH)
        entries = split_bundle(self.bundles[index])[at : at + count]
        return hash_perfect(hash_leaves(entries))


def split_bundle(data: bytes) -> list[bytes]:
    """Splits a bundle whose entries are all of one length."""
    return [data[at + LENGTH_BYTES : at + STRIDE_BYTES] for at in range(0, len(data), STRIDE_BYTES)]
