"""Hashes an entry bundle: its leaves, and the root of a full bundle."""

from struct import Struct
from typing import Final, NamedTuple

from federation.protocol.entry import ENTRY_BYTES, STRIDE_BYTES
from federation.tlog.bundles import LENGTH_BYTES
from federation.tlog.merkle import hash_leaves, hash_perfect
from federation.tlog.tiles import TILE_WIDTH

FULL_BUNDLE_BYTES: Final = TILE_WIDTH * STRIDE_BYTES

_RECORD: Final = Struct(f"{LENGTH_BYTES}x{ENTRY_BYTES}s")


class HashedBundle(NamedTuple):
    """The run of a bundle's leaf hashes, and their root; None where the bundle is partial."""

    leaves: bytes
    root: bytes | None


def hash_bundle(data: bytes) -> HashedBundle:
    """Hashes whole entries, each after its length. The lengths are not checked here."""
    leaves = hash_leaves(entry for (entry,) in _RECORD.iter_unpack(data))
    return HashedBundle(leaves, hash_perfect(leaves) if len(data) == FULL_BUNDLE_BYTES else None)
