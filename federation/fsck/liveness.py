"""Tells which mappings of a log are live, from its entries alone.

A 0x01 leaf is live from its index until a 0x02 entry with a higher index names it. A revoke of itself,
of a later leaf, of anything that is not a 0x01 leaf, or of one revoked before, is a no-op.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from federation.protocol.entry import ENTRY_BYTES, EntryType, RevokeEntry, parse_entry

_IS_MAPPING: Final = bytes(b"01"[kind == EntryType.MAPPING] for kind in range(256))


class LeafSet:
    """A set of leaf numbers below a size that grows, one bit each."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def __contains__(self, leaf: int) -> bool:
        return leaf >> 3 < len(self._bits) and bool(self._bits[leaf >> 3] >> (leaf & 7) & 1)

    def __iter__(self) -> Iterator[int]:
        for at, byte in enumerate(self._bits):
            if byte:
                yield from (at * 8 + bit for bit in range(8) if byte >> bit & 1)

    def add(self, leaf: int) -> None:
        self._grow(leaf + 1)
        self._bits[leaf >> 3] |= 1 << (leaf & 7)

    def discard(self, leaf: int) -> None:
        if leaf in self:
            self._bits[leaf >> 3] &= ~(1 << (leaf & 7))

    def add_run(self, start: int, marks: bytes) -> None:
        """Adds leaf `start + i` for each i at which `marks` has the digit 1 (and not 0)."""
        mask = int(marks[::-1] or b"0", 2) << (start & 7)
        length = (len(marks) + (start & 7) + 7) // 8
        self._grow(start + len(marks))
        at = start >> 3
        before = int.from_bytes(self._bits[at : at + length], "little")
        self._bits[at : at + length] = (before | mask).to_bytes(length, "little")

    def difference(self, other: "LeafSet") -> Iterator[int]:
        """Yields the leaves that `other` lacks, in order."""
        for at in range(0, len(self._bits), _STRIDE_BYTES):
            mine = int.from_bytes(self._bits[at : at + _STRIDE_BYTES], "little")
            left = mine & ~int.from_bytes(other._bits[at : at + _STRIDE_BYTES], "little")
            while left:
                lowest = left & -left
                yield at * 8 + lowest.bit_length() - 1
                left ^= lowest

    def _grow(self, size: int) -> None:
        missing = (size + 7) // 8 - len(self._bits)
        if missing > 0:
            self._bits.extend(bytes(missing))


_STRIDE_BYTES: Final = 256


@dataclass(frozen=True, slots=True)
class Revoked:
    """A revoke that took effect."""

    target: int
    by: int
    reason: int


class Liveness:
    """The live leaves of a log, read from its first entry on. Memory: one bit a leaf."""

    def __init__(self) -> None:
        self.size = 0
        self.live = LeafSet()

    def extend(self, entries: Sequence[bytes]) -> list[Revoked]:
        """Takes the next entries of the log. Returns the revokes that took effect."""
        start = self.size
        kinds = bytes([entry[0] if len(entry) == ENTRY_BYTES else 0 for entry in entries])
        # All are marked before any is revoked: a revoke reaches only leaves before its own.
        self.live.add_run(start, kinds.translate(_IS_MAPPING))
        self.size += len(entries)
        at = kinds.find(EntryType.REVOKE)
        revoked: list[Revoked] = []
        while at >= 0:
            entry = parse_entry(entries[at])
            if isinstance(entry, RevokeEntry) and entry.target < start + at and entry.target in self.live:
                self.live.discard(entry.target)
                revoked.append(Revoked(entry.target, start + at, entry.reason))
            at = kinds.find(EntryType.REVOKE, at + 1)
        return revoked
