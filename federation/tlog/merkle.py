"""Merkle tree hashing, the compact range, and proofs. RFC 6962, section 2.1; RFC 9162, section 2.1

Hashes are 32 bytes. A run of hashes is one `bytes`, 32 bytes each, as in a tile: it is hashed
and sliced without making an object for each.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

from federation.errors import InvalidProof

HASH_BYTES: Final = 32
MAX_TREE_SIZE: Final = 2**63 - 1
MAX_INCLUSION_HASHES: Final = 63
MAX_CONSISTENCY_HASHES: Final = 64
EMPTY_ROOT: Final = sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def hash_leaves(entries: Iterable[bytes]) -> bytes:
    """Hashes entries. Returns the run of their leaf hashes."""
    digests: list[bytes] = []
    for entry in entries:
        state = _begin_leaf()
        state.update(entry)
        digests.append(state.digest())
    return b"".join(digests)


def hash_pairs(hashes: bytes) -> bytes:
    """Hashes an even run of hashes in pairs. Returns the run of their parents."""
    digests: list[bytes] = []
    for at in range(0, len(hashes), 2 * HASH_BYTES):
        state = _begin_node()
        state.update(hashes[at : at + 2 * HASH_BYTES])
        digests.append(state.digest())
    return b"".join(digests)


# Copying a state that has taken the prefix costs less than beginning a new one.
_begin_leaf: Final = sha256(b"\x00").copy
_begin_node: Final = sha256(b"\x01").copy


def hash_perfect(hashes: bytes) -> bytes:
    """Computes the root over a run of hashes whose number is a power of two."""
    while len(hashes) > HASH_BYTES:
        hashes = hash_pairs(hashes)
    return hashes


def fold_right(hashes: Sequence[bytes]) -> bytes:
    """Computes the root over one or more perfect subtrees, given from the largest (left) to the smallest (right)."""
    folded = hashes[-1]
    for left in reversed(hashes[:-1]):
        folded = node_hash(left, folded)
    return folded


@dataclass(frozen=True, slots=True)
class CompactRange:
    """A tree of `size` leaves as the roots of its perfect subtrees, the largest first.

    There is one hash for each bit set in `size`. Appending needs nothing else.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def root(self) -> bytes:
        """Computes the Merkle tree hash; of the empty tree, SHA-256 of nothing."""
        return fold_right(self.hashes) if self.hashes else EMPTY_ROOT

    def extend(self, leaf_hashes: bytes) -> "Extension":
        """Appends a run of leaf hashes, and computes one more hash a leaf. The run is held in memory twice."""
        pending = list(self.hashes)
        levels: list[bytes] = []
        roots: list[bytes] = []
        nodes, index = leaf_hashes, self.size
        while nodes or index:
            levels.append(nodes)
            if index & 1:
                nodes = pending.pop() + nodes
            whole = len(nodes) // 64 * 64
            if whole < len(nodes):
                roots.append(nodes[whole:])
            nodes = hash_pairs(nodes[:whole])
            index >>= 1
        size = self.size + len(leaf_hashes) // HASH_BYTES
        return Extension(CompactRange(size, tuple(reversed(roots))), tuple(levels))

    @classmethod
    def of(cls, leaf_hashes: bytes) -> Self:
        """Makes the range over a whole run of leaf hashes."""
        grown = cls().extend(leaf_hashes).range
        return cls(grown.size, grown.hashes)


@dataclass(frozen=True, slots=True)
class Extension:
    """A range after `CompactRange.extend`, and the nodes that it completed: a run a level, leaves first."""

    range: CompactRange
    levels: tuple[bytes, ...]


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Verifies that the leaf hash `leaf` is at `index` in the tree of `size` leaves with `root`. Raises InvalidProof.

    RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size <= MAX_TREE_SIZE:
        raise InvalidProof("no such leaf in a tree of this size")
    _check_hashes([leaf, *proof], MAX_INCLUSION_HASHES + 1)
    fn, sn, node = index, size - 1, leaf
    for sibling in proof:
        if sn == 0:
            raise InvalidProof("an inclusion proof is too long")
        if fn & 1 or fn == sn:
            node = node_hash(sibling, node)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = node_hash(node, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn or node != root:
        raise InvalidProof("an inclusion proof does not lead to the root")


def verify_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Verifies that the larger tree starts with all leaves of the smaller one. Raises InvalidProof.

    RFC 9162, section 2.1.4.2. From the empty tree, and between equal sizes, the proof is empty.
    """
    if not 0 <= old_size <= new_size <= MAX_TREE_SIZE:
        raise InvalidProof("a log cannot have gone from the first size to the second")
    _check_hashes(proof, MAX_CONSISTENCY_HASHES)
    if old_size == 0:
        _check_hashes([new_root], 1)
        if old_root != EMPTY_ROOT:
            raise InvalidProof("an empty tree has another root than this")
    if old_size in {0, new_size}:
        if proof or (old_size == new_size and old_root != new_root):
            raise InvalidProof("two roots of one size differ, or nothing was to be proven")
        return
    # A proof leaves out the subtree that the old tree ends in where that is the whole old tree: its root is known.
    path = [old_root, *proof] if _is_perfect(old_size) else proof
    if _walk_consistency(old_size, new_size, path) != (old_root, new_root):
        raise InvalidProof("a consistency proof does not lead to both roots")


def derive_prefix_root(old_size: int, new_size: int, new_root: bytes, hashes: Sequence[bytes]) -> bytes:
    """Computes the root over the first `old_size` leaves of the tree with `new_root`. Raises InvalidProof.

    `hashes` are a consistency proof that always begins with the perfect subtree in which the old tree ends. They are
    verified against the new root alone: an old root that was signed and is another shows that the log has forked.
    """
    if not 0 < old_size < new_size <= MAX_TREE_SIZE:
        raise InvalidProof("a tree does not begin with a tree of this size")
    _check_hashes(hashes, MAX_CONSISTENCY_HASHES)
    old, new = _walk_consistency(old_size, new_size, hashes)
    if new != new_root:
        raise InvalidProof("the hashes do not lead to the root of the larger tree")
    return old


def _is_perfect(size: int) -> bool:
    return size & (size - 1) == 0


def _walk_consistency(old_size: int, new_size: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Walks from the perfect subtree that the old tree ends in to both roots, and returns these."""
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    if not path:
        raise InvalidProof("a consistency proof is too short")
    old = new = path[0]
    for sibling in path[1:]:
        if sn == 0:
            raise InvalidProof("a consistency proof is too long")
        if fn & 1 or fn == sn:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            new = node_hash(new, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise InvalidProof("a consistency proof is too short")
    return old, new


def _check_hashes(hashes: Sequence[bytes], limit: int) -> None:
    """Bounds the work before anything is hashed: no tree has a longer proof."""
    if len(hashes) > limit:
        raise InvalidProof("a proof holds more hashes than any tree needs")
    if any(len(each) != HASH_BYTES for each in hashes):
        raise InvalidProof("a proof holds something that is not a hash")
