"""Compares the stored operations documents with the entries that introduce them, and with each other."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from federation.errors import InvalidOperations, UntrustedOperations
from federation.fsck.findings import Fault, Finding
from federation.keys.chain import ChainEnd, follow, open_first_operations, parse_operations_note
from federation.keys.operations import Operations
from federation.protocol.entry import STRIDE_BYTES, EntryType
from federation.tlog.bundles import LENGTH_BYTES
from federation.tlog.keys import VerifierKey
from federation.tlog.tiles import Bundle


class DocumentRow(NamedTuple):
    """A stored, signed operations document. Without a leaf it waits for the next batch."""

    number: int
    note: bytes
    leaf: int | None


class OperationsCheck:
    """Verifies the chain of documents from the first, in the order in which entries introduce them."""

    def __init__(self, rows: Sequence[DocumentRow], log_key: VerifierKey | None) -> None:
        self._rows = {row.leaf: row for row in rows if row.leaf is not None}
        self._waiting = [row for row in rows if row.leaf is None]
        self._log_key = log_key
        self._end: ChainEnd | None = None

    def take(self, bundle: Bundle, data: bytes) -> Iterator[Finding]:
        """Checks the documents of the next bundle. For an unreadable bundle `data` is empty: its documents are then
        verified as a chain alone."""
        if not data:
            within = range(bundle.start, bundle.start + bundle.width)
            for leaf in sorted(leaf for leaf in self._rows if leaf in within):
                yield from self._follow(self._rows.pop(leaf))
        kinds = data[LENGTH_BYTES::STRIDE_BYTES]
        if bundle.start == 0 and kinds and kinds[0] != EntryType.OPERATIONS:
            yield Finding(Fault.FIRST_ENTRY, leaf=0)
        at = kinds.find(EntryType.OPERATIONS)
        while at >= 0:
            entry = data[at * STRIDE_BYTES + LENGTH_BYTES : (at + 1) * STRIDE_BYTES]
            yield from self._check(bundle.start + at, entry[1:])
            at = kinds.find(EntryType.OPERATIONS, at + 1)

    def finish(self) -> Iterator[Finding]:
        """Reports documents that no entry introduces, and verifies those that wait. Call it after the last entry."""
        for leaf in sorted(self._rows):
            yield Finding(Fault.OPERATIONS_STRAY, leaf=leaf)
        for row in self._waiting:
            yield from self._follow(row)

    def _check(self, leaf: int, digest: bytes) -> Iterator[Finding]:
        row = self._rows.pop(leaf, None)
        if row is None:
            yield Finding(Fault.OPERATIONS_MISSING, leaf=leaf)
            return
        yield from self._follow(row, digest)

    def _follow(self, row: DocumentRow, digest: bytes | None = None) -> Iterator[Finding]:
        where = "" if row.leaf is not None else f"number {row.number}, which waits"
        try:
            document, _ = parse_operations_note(row.note)
        except InvalidOperations as error:
            yield Finding(Fault.OPERATIONS_MISMATCH, leaf=row.leaf, detail=where or str(error))
            return
        if digest is not None and document.digest != digest:
            yield Finding(Fault.OPERATIONS_MISMATCH, leaf=row.leaf)
            return
        if document.number != row.number:
            detail = f"it is kept as number {row.number}"
            yield Finding(Fault.OPERATIONS_STRAY, leaf=row.leaf, detail=detail)
        try:
            self._end = self._open(row.note, document)
        except UntrustedOperations as error:
            yield Finding(Fault.OPERATIONS_UNTRUSTED, leaf=row.leaf, detail=str(error))

    def _open(self, note: bytes, document: Operations) -> ChainEnd:
        if self._end is None:
            return ChainEnd(open_first_operations(note, self._log_key or document.log_key))
        return follow(note, self._end)
