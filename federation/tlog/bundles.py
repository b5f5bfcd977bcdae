"""Entry bundles: up to 256 entries, each after its length. https://c2sp.org/tlog-tiles@v0.1.0#log-entries"""

from collections.abc import Iterable
from typing import Final

from federation.errors import InvalidBundle
from federation.tlog.tiles import TILE_WIDTH

LENGTH_BYTES: Final = 2
MAX_ENTRY_BYTES: Final = 2**16 - 1
MAX_BUNDLE_BYTES: Final = TILE_WIDTH * (LENGTH_BYTES + MAX_ENTRY_BYTES)


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Encodes a bundle. Raises InvalidBundle if an entry is too long, or there are not 1 to 256."""
    parts = list(entries)
    if not 1 <= len(parts) <= TILE_WIDTH or any(len(entry) > MAX_ENTRY_BYTES for entry in parts):
        raise InvalidBundle("a bundle has 1 to 256 entries of at most 65,535 bytes")
    return b"".join(len(entry).to_bytes(LENGTH_BYTES, "big") + entry for entry in parts)


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """Decodes the first `width` entries of what was served for a bundle of that width. Raises InvalidBundle.

    There must be exactly `width` entries, or 256 where the full bundle has replaced a partial one.
    """
    if len(data) > MAX_BUNDLE_BYTES:
        raise InvalidBundle("a bundle is longer than any can be")
    entries: list[bytes] = []
    at = 0
    while at < len(data) and len(entries) < TILE_WIDTH:
        start = at + LENGTH_BYTES
        end = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or end > len(data):
            raise InvalidBundle(f"a bundle ends within entry {len(entries)}")
        entries.append(data[start:end])
        at = end
    if at != len(data) or len(entries) not in {width, TILE_WIDTH}:
        raise InvalidBundle(f"a bundle does not have exactly {width} entries")
    return entries[:width]
