"""The hashes over an entry bundle: each of its leaves, and the root of a full one."""

from struct import Struct
from typing import Final, NamedTuple

from federation.protocol.entry import ENTRY_BYTES, STRIDE_BYTES
from federation.tlog.bundles import LENGTH_BYTES
from federation.tlog.merkle import hash_leaves, hash_perfect
from federation.tlog.tiles import TILE_WIDTH

FULL_BUNDLE_BYTES: Final = TILE_WIDTH * STRIDE_BYTES

_RECORD: Final = Struct(f"{LENGTH_BYTES}x{ENTRY_BYTES}s")


class HashedBundle(NamedTuple):
    """A run of leaf hashes; their root where the bundle is full."""

    leaves: bytes
    root: bytes | None


def hash_bundle(data: bytes) -> HashedBundle:
    """`data` is a whole number of entries, each after its length, of which nothing is believed here."""
    leaves = hash_leaves(entry for (entry,) in _RECORD.iter_unpack(data))
    return HashedBundle(leaves, hash_perfect(leaves) if len(data) == FULL_BUNDLE_BYTES else None)
