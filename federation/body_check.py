"""Holds the salts and bodies that are kept against the entries of a log, and what it has revoked."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from federation.entry import EntryType
from federation.findings import Fault, Finding
from federation.liveness import LeafSet, Liveness
from federation.statement import SALT_BYTES, commitment


class BodyRow(NamedTuple):
    """What is kept for one leaf. Both are None, or there is no row, when they are erased."""

    leaf: int
    salt: bytes | None
    body: bytes | None


class BodyCheck:
    """Takes the entries of each bundle in order, beside the rows in the order of their leaves.

    Memory: two bits a leaf.
    """

    def __init__(self, rows: Iterable[BodyRow]) -> None:
        self._rows = iter(rows)
        self._next = next(self._rows, None)
        self._last = -1
        self._kept = LeafSet()
        self._liveness = Liveness()

    def take(self, entries: Sequence[bytes]) -> Iterator[Finding]:
        """The next entries; an entry that could not be read is empty, and nothing is said of its row."""
        start = self._liveness.size
        self._liveness.extend(entries)
        kept = bytearray(b"0" * len(entries))
        while self._next is not None and self._next.leaf < start + len(entries):
            row = self._advance(self._next)
            if row.leaf <= self._last or row.leaf < start:
                yield Finding(Fault.STRAY_ROW, leaf=row.leaf)
                continue
            self._last = row.leaf
            entry = entries[row.leaf - start]
            fault = _find_fault(row, entry) if entry else None
            if fault:
                yield Finding(fault, leaf=row.leaf)
            if entry[:1] == _MAPPING and row.body is not None:
                kept[row.leaf - start] = _YES
        self._kept.add_run(start, bytes(kept))

    def finish(self) -> Iterator[Finding]:
        """To be called after the last entry: what is missing, and what should be gone."""
        while self._next is not None:
            yield Finding(Fault.STRAY_ROW, leaf=self._advance(self._next).leaf)
        for leaf in self._liveness.live.difference(self._kept):
            yield Finding(Fault.BODY_MISSING, leaf=leaf)
        for leaf in self._kept.difference(self._liveness.live):
            yield Finding(Fault.BODY_NOT_ERASED, leaf=leaf)

    def _advance(self, row: BodyRow) -> BodyRow:
        self._next = next(self._rows, None)
        return row


_MAPPING = bytes([EntryType.MAPPING])
_YES = ord("1")


def _find_fault(row: BodyRow, entry: bytes) -> Fault | None:
    _leaf, salt, body = row
    if body is None:
        return None if salt is None else Fault.SALT_NOT_ERASED
    if entry[:1] != _MAPPING:
        return Fault.STRAY_ROW
    if salt is None or len(salt) != SALT_BYTES or commitment(salt, body) != entry[1:]:
        return Fault.BODY_MISMATCH
    return None
