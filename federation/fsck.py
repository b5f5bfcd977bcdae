"""Checks a whole log against its signed checkpoint: every hash, body, revoke and operations document.

Pure: what is kept comes through `LogSource`. Flat memory: a few tiles, and two bits a leaf.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from federation.body_check import BodyCheck, BodyRow
from federation.bundle_hashing import FULL_BUNDLE_BYTES, HashedBundle, hash_bundle
from federation.entry import ENTRY_BYTES, STRIDE_BYTES, EntryType
from federation.errors import InvalidOperations, UntrustedOperations
from federation.findings import Fault, Finding
from federation.operations import Operations
from federation.rotation import open_first_operations, open_next_operations, parse_operations_note
from federation.tlog.bundles import LENGTH_BYTES
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.keys import VerifierKey
from federation.tlog.tiles import Bundle, Tile, bundles_added
from federation.tree_check import TreeCheck

_PREFIX: Final = ENTRY_BYTES.to_bytes(LENGTH_BYTES, "big")


class LogSource(Protocol):
    """What is kept of a log. Each thing is asked for once, in order, and may come from anywhere."""

    def find_bundle(self, bundle: Bundle) -> bytes | None: ...

    def find_tile(self, tile: Tile) -> bytes | None: ...

    def find_operations(self, leaf: int) -> bytes | None:
        """The signed note of the document that leaf `leaf` introduces."""
        ...

    def read_rows(self) -> Iterable[BodyRow] | None:
        """Salts and bodies in the order of their leaves; None to check hashes alone."""
        ...


def check_log(
    checkpoint: Checkpoint,
    source: LogSource,
    *,
    log_key: VerifierKey | None = None,
    hashed: Callable[[Bundle, bytes], HashedBundle] = lambda _, data: hash_bundle(data),
    progress: Callable[[int], None] = lambda leaves: None,
) -> Iterator[Finding]:
    """Everything that is wrong, as it is found; nothing when all is well.

    `checkpoint` is one whose signature has been verified; `log_key` the log's first key, where it is known
    from elsewhere. One fault may show in several findings: a changed entry also fails its body.
    `hashed` gives the hashes over a bundle as it was read, where they are made elsewhere.
    `progress` is told how many leaves are done, after each bundle.
    """
    tree = TreeCheck(checkpoint, source.find_tile)
    operations = _OperationsCheck(source, log_key)
    rows = source.read_rows()
    bodies = None if rows is None else BodyCheck(rows)
    for bundle in bundles_added(0, checkpoint.size):
        data, findings = _read_bundle(bundle, source.find_bundle(bundle))
        yield from findings
        yield from tree.add_bundle(hashed(bundle, data) if data else None)
        yield from operations.take(bundle.start, data)
        if bodies:
            yield from bodies.take(_divide(data) or [b""] * bundle.width)
        progress(bundle.start + bundle.width)
    yield from tree.finish()
    if bodies:
        yield from bodies.finish()


def _read_bundle(bundle: Bundle, data: bytes | None) -> tuple[bytes, list[Finding]]:
    """The bundle's bytes, or none when it cannot be divided into entries."""
    if data is None:
        return b"", [Finding(Fault.MISSING, bundle)]
    expected = bundle.width * STRIDE_BYTES
    if len(data) not in {expected, FULL_BUNDLE_BYTES}:
        detail = f"{len(data)} bytes, not {expected}"
        return b"", [Finding(Fault.WRONG_LENGTH, bundle, detail=detail)]
    data = data[:expected]
    if all(data[at::STRIDE_BYTES] == _PREFIX[at : at + 1] * bundle.width for at in range(LENGTH_BYTES)):
        return data, []
    wrong = (at for at in range(expected) if at % STRIDE_BYTES < LENGTH_BYTES)
    findings = [
        Finding(Fault.WRONG_PREFIX, bundle, at, bundle.start + at // STRIDE_BYTES)
        for at in wrong
        if data[at] != _PREFIX[at % STRIDE_BYTES]
    ]
    return data, findings


def _divide(data: bytes) -> list[bytes]:
    return [data[at : at + ENTRY_BYTES] for at in range(LENGTH_BYTES, len(data), STRIDE_BYTES)]


class _OperationsCheck:
    """Follows the operations documents from the first."""

    def __init__(self, source: LogSource, log_key: VerifierKey | None) -> None:
        self._source = source
        self._log_key = log_key
        self._previous: Operations | None = None

    def take(self, start: int, data: bytes) -> Iterator[Finding]:
        kinds = data[LENGTH_BYTES::STRIDE_BYTES]
        if start == 0 and kinds and kinds[0] != EntryType.OPERATIONS:
            yield Finding(Fault.FIRST_ENTRY, leaf=0)
        at = kinds.find(EntryType.OPERATIONS)
        while at >= 0:
            entry = data[at * STRIDE_BYTES + LENGTH_BYTES : (at + 1) * STRIDE_BYTES]
            finding = self._check(start + at, entry[1:])
            if finding:
                yield finding
            at = kinds.find(EntryType.OPERATIONS, at + 1)

    def _check(self, leaf: int, digest: bytes) -> Finding | None:
        note = self._source.find_operations(leaf)
        if note is None:
            return Finding(Fault.OPERATIONS_MISSING, leaf=leaf)
        try:
            document, _ = parse_operations_note(note)
        except InvalidOperations as e:
            return Finding(Fault.OPERATIONS_MISMATCH, leaf=leaf, detail=str(e))
        if document.digest != digest:
            return Finding(Fault.OPERATIONS_MISMATCH, leaf=leaf)
        try:
            if self._previous is None:
                self._previous = open_first_operations(note, self._log_key or document.log_key)
            else:
                self._previous = open_next_operations(note, self._previous)
        except UntrustedOperations as e:
            return Finding(Fault.OPERATIONS_UNTRUSTED, leaf=leaf, detail=str(e))
        return None
