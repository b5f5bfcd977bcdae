"""A Merkle tree written from the recursive definitions of RFC 6962, section 2.1, and nothing else."""

from hashlib import sha256


def split(count: int) -> int:
    """Returns the largest power of two below `count`."""
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def naive_root(entries: list[bytes]) -> bytes:
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    k = split(len(entries))
    return sha256(b"\x01" + naive_root(entries[:k]) + naive_root(entries[k:])).digest()


def naive_inclusion(index: int, entries: list[bytes]) -> list[bytes]:
    if len(entries) == 1:
        return []
    k = split(len(entries))
    if index < k:
        return [*naive_inclusion(index, entries[:k]), naive_root(entries[k:])]
    return [*naive_inclusion(index - k, entries[k:]), naive_root(entries[:k])]


def naive_consistency(old_size: int, entries: list[bytes], is_whole: bool = True) -> list[bytes]:
    if old_size in {0, len(entries)}:
        return [] if is_whole or not old_size else [naive_root(entries)]
    k = split(len(entries))
    if old_size <= k:
        return [*naive_consistency(old_size, entries[:k], is_whole), naive_root(entries[k:])]
    return [*naive_consistency(old_size - k, entries[k:], False), naive_root(entries[:k])]


def root_of_inclusion(index: int, size: int, leaf: bytes, proof: list[bytes]) -> bytes | None:
    """Returns the root that the proof leads to; None where it has another length than one of this place has."""
    if size == 1:
        return leaf if not proof else None
    if not proof:
        return None
    *rest, sibling = proof
    k = split(size)
    if index < k:
        left = root_of_inclusion(index, k, leaf, rest)
        return left and node(left, sibling)
    right = root_of_inclusion(index - k, size - k, leaf, rest)
    return right and node(sibling, right)


def roots_of_consistency(
    old_size: int, new_size: int, proof: list[bytes], old_root: bytes | None
) -> tuple[bytes, bytes] | None:
    """Returns both roots that the proof leads to; None where it has another length than one between these sizes has.

    `old_root` is None within a part of the tree, whose hash the proof tells.
    """
    if old_size == new_size:
        known = [old_root] if old_root is not None else proof
        return (known[0], known[0]) if len(known) == 1 and (old_root is None or not proof) else None
    if not proof:
        return None
    *rest, sibling = proof
    k = split(new_size)
    if old_size <= k:
        roots = roots_of_consistency(old_size, k, rest, old_root)
        return roots and (roots[0], node(roots[1], sibling))
    roots = roots_of_consistency(old_size - k, new_size - k, rest, None)
    return roots and (node(sibling, roots[0]), node(sibling, roots[1]))


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def make_entries(count: int) -> list[bytes]:
    return [b"entry %d" % n for n in range(count)]
