"""Compares the stored salts and bodies with the entries of a log and with its revokes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from federation.fsck.findings import Fault, Finding
from federation.fsck.liveness import LeafSet, Liveness
from federation.protocol.entry import EntryType, RevokeEntry, RevokeReason, parse_entry
from federation.protocol.statement import SALT_BYTES, commitment

MAX_MARKED: Final = 100_000
"""Revokes that are staged and not yet published; no batch has as many."""

_REASONS: Final = frozenset(RevokeReason)


class BodyRow(NamedTuple):
    """The stored salt and body of one leaf. Once erased, both are None or the row is missing."""

    leaf: int
    salt: bytes | None
    body: bytes | None
    ended: int | None = None
    """The reason with which it is to be revoked; None where none is set."""
    revoked_by: int | None = None
    """The entry that revokes it, from staging that entry until publishing it."""


class BodyCheck:
    """Checks rows, in the order of their leaves, against the entries of each bundle, in order.

    Entries from `published` on are staged and not yet published: what they revoke is still stored. Memory: two
    bits a leaf, and the targets of these entries.
    """

    def __init__(self, rows: Iterable[BodyRow], published: int) -> None:
        self._rows = iter(rows)
        self._published = published
        self._marked: dict[int, int] = {}
        self._next = next(self._rows, None)
        self._last = -1
        self._unread = 0
        self._kept = LeafSet()
        self._liveness = Liveness()
        self.revoked = 0
        """How many leaves the published entries revoke."""

    def take(self, entries: Sequence[bytes]) -> Iterator[Finding]:
        """Checks the rows of the next entries. An unreadable entry is empty: its row is not compared with it."""
        start = self._liveness.size
        if not all(entries):
            self._unread = start + len(entries)
        self.revoked += len(self._liveness.extend(self._in_force(start, entries)))
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
            if row.revoked_by is not None and not self._mark(row.leaf, row.revoked_by):
                yield Finding(Fault.WRONG_REVOKE, leaf=row.leaf)
            if entry[:1] == _MAPPING and row.body is not None:
                kept[row.leaf - start] = _YES
        self._kept.add_run(start, bytes(kept))
        for by in [by for by in self._marked if by < start + len(entries)]:
            target = self._marked.pop(by)
            if entries[by - start] and not _revokes(entries[by - start], target):
                yield Finding(Fault.WRONG_REVOKE, leaf=target)

    def finish(self) -> Iterator[Finding]:
        """Reports what is missing and what should be erased. Call it after the last entry."""
        while self._next is not None:
            yield Finding(Fault.STRAY_ROW, leaf=self._advance(self._next).leaf)
        for leaf in sorted(self._marked.values()):
            yield Finding(Fault.WRONG_REVOKE, leaf=leaf)
        for leaf in self._liveness.live.difference(self._kept):
            # An unreadable entry may be the one that revokes it.
            if leaf >= self._unread:
                yield Finding(Fault.BODY_MISSING, leaf=leaf)
        for leaf in self._kept.difference(self._liveness.live):
            yield Finding(Fault.BODY_NOT_ERASED, leaf=leaf)

    def _in_force(self, start: int, entries: Sequence[bytes]) -> Sequence[bytes]:
        if start + len(entries) <= self._published:
            return entries
        return [
            b"" if start + at >= self._published and entry[:1] == _REVOKE else entry
            for at, entry in enumerate(entries)
        ]

    def _mark(self, leaf: int, by: int) -> bool:
        """Remembers that entry `by` must revoke the leaf. Returns False where it cannot, or too many are marked."""
        if by <= leaf or by < self._published or by in self._marked or len(self._marked) >= MAX_MARKED:
            return False
        self._marked[by] = leaf
        return True

    def _advance(self, row: BodyRow) -> BodyRow:
        self._next = next(self._rows, None)
        return row


_MAPPING = bytes([EntryType.MAPPING])
_REVOKE = bytes([EntryType.REVOKE])
_YES = ord("1")


def _revokes(entry: bytes, target: int) -> bool:
    parsed = parse_entry(entry)
    return isinstance(parsed, RevokeEntry) and parsed.target == target


def _find_fault(row: BodyRow, entry: bytes) -> Fault | None:
    salt, body = row.salt, row.body
    if row.ended is not None and row.ended not in _REASONS:
        return Fault.WRONG_REVOKE
    if body is None:
        return None if salt is None else Fault.SALT_NOT_ERASED
    if entry[:1] != _MAPPING:
        return Fault.STRAY_ROW
    if salt is None or len(salt) != SALT_BYTES or commitment(salt, body) != entry[1:]:
        return Fault.BODY_MISMATCH
    return None
