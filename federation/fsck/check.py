"""Checks a whole log against its signed checkpoint: every hash, body, revoke and operations document.

Pure: the stored log comes through `LogSource`. Flat memory: a few tiles, and two bits a leaf.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol

from federation.fsck.bodies import BodyCheck, BodyRow
from federation.fsck.bundle_hashing import FULL_BUNDLE_BYTES, HashedBundle
from federation.fsck.findings import Fault, Finding
from federation.fsck.operations import DocumentRow, OperationsCheck
from federation.fsck.tree import TreeCheck
from federation.protocol.entry import ENTRY_BYTES, STRIDE_BYTES
from federation.tlog.bundles import LENGTH_BYTES
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.keys import VerifierKey
from federation.tlog.tiles import Bundle, Tile, bundles_added

_PREFIX: Final = ENTRY_BYTES.to_bytes(LENGTH_BYTES, "big")


class LogSource(Protocol):
    """The stored parts of a log, from any store. Each part is read once, in order."""

    def find_bundle(self, bundle: Bundle) -> bytes | None: ...

    def hash_bundle(self, bundle: Bundle, data: bytes) -> HashedBundle:
        """Returns the hashes of what was read for a bundle; another process may have made them."""
        ...

    def find_tile(self, tile: Tile) -> bytes | None: ...

    def read_operations(self) -> Sequence[DocumentRow]:
        """Reads all operations documents, in the order of their numbers."""
        ...

    def read_rows(self) -> Iterable[BodyRow] | None:
        """Reads salts and bodies in the order of their leaves. Returns None to check hashes alone."""
        ...

    def count_revokes(self) -> int:
        """Counts the leaves that are known to be revoked by a published entry."""
        ...


def check_log(
    checkpoint: Checkpoint,
    source: LogSource,
    *,
    published: int | None = None,
    log_key: VerifierKey | None = None,
    progress: Callable[[int], None] = lambda leaves: None,
) -> Iterator[Finding]:
    """Checks a log. Yields each finding as it is made, none for a sound log.

    `checkpoint` is trusted as it is: verify its signature first. Its first `published` leaves are published, all
    by default. `log_key` is the log's first key, where it is known from elsewhere. One fault may cause several
    findings: a changed entry also fails its body. `progress` takes the number of leaves done, after each bundle.
    """
    tree = TreeCheck(checkpoint, source.find_tile)
    operations = OperationsCheck(source.read_operations(), log_key)
    rows = source.read_rows()
    bodies = None if rows is None else BodyCheck(rows, checkpoint.size if published is None else published)
    for bundle in bundles_added(0, checkpoint.size):
        data, findings = _read_bundle(bundle, source.find_bundle(bundle))
        yield from findings
        yield from tree.add_bundle(source.hash_bundle(bundle, data) if data else None)
        yield from operations.take(bundle, data)
        if bodies:
            yield from bodies.take(_divide(data) or [b""] * bundle.width)
        progress(bundle.start + bundle.width)
    yield from tree.finish()
    yield from operations.finish()
    if bodies:
        yield from bodies.finish()
        yield from _compare_revokes(source.count_revokes(), bodies.revoked)


def _compare_revokes(known: int, published: int) -> Iterator[Finding]:
    if known != published:
        yield Finding(Fault.REVOKE_ROW, detail=f"{known} rows, and {published} revokes that are published")


def _read_bundle(bundle: Bundle, data: bytes | None) -> tuple[bytes, list[Finding]]:
    """Returns the bundle's bytes, empty where they cannot be divided into entries, and what is wrong with them."""
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
