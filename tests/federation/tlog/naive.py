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


def make_entries(count: int) -> list[bytes]:
    return [b"entry %d" % n for n in range(count)]
