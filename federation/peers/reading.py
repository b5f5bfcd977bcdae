"""Plans and computes the steps in which the entries of a log are read. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from federation.peers.verdicts import WrongAnswer
from federation.protocol.entry import STRIDE_BYTES, OperationsEntry, RevokeEntry, parse_entry
from federation.protocol.kept_tree import split_bundle
from federation.store.peer_leaves import BundleRow
from federation.tlog.merkle import HASH_BYTES, CompactRange, hash_leaves
from federation.tlog.tiles import TILE_HEIGHT, TILE_WIDTH, Bundle, bundle_at

BUNDLES_A_STEP: Final = 64
"""What is held in memory, and committed at once: 573,440 bytes of entries."""

_IS_OTHER: Final = bytes(1 if kind in {2, 3} else 0 for kind in range(256))


@dataclass(frozen=True, slots=True)
class Step:
    """Leaves from `start` up to `end`, and the bundles to fetch for them, as wide as they are in the signed tree."""

    start: int
    end: int
    bundles: tuple[Bundle, ...]


@dataclass(frozen=True, slots=True)
class ReadStep:
    """What the entries of a step say, and the tree that they lead to. Not believed before its root is."""

    edge: CompactRange
    rows: tuple[BundleRow, ...]
    revokes: dict[int, int]
    """What names each target first; whether the target is a mapping that holds, the store knows."""
    documents: tuple[tuple[int, bytes], ...]
    """Leaves and digests of operations entries."""


def plan_step(size: int, signed: int, allowed: int, bundles: int = BUNDLES_A_STEP) -> Step | None:
    """Plans the next step from `size` in a log of `signed` leaves, of which `allowed` may be read, of so many bundles at
    most. Returns None where there is none."""
    first = size // TILE_WIDTH
    end = min((first + bundles) * TILE_WIDTH, signed, allowed)
    if end <= size:
        return None
    last = (end - 1) // TILE_WIDTH
    return Step(size, end, tuple(bundle_at(signed, index) for index in range(first, last + 1)))


def read_step(edge: CompactRange, kept: bytes, step: Step, served: Sequence[bytes]) -> ReadStep:
    """Appends the entries of a step. `kept` are those of the bundle in which the tree ends, as they were read before.

    Raises WrongAnswer where the first bundle does not begin with what was kept.
    """
    cut = [_cut(bundle, data, step.end) for bundle, data in zip(step.bundles, served, strict=True)]
    if not cut[0].startswith(kept):
        raise WrongAnswer("a bundle was served that does not begin with what was read of it before")
    fresh = [cut[0][len(kept) :], *cut[1:]]
    entries = [entry for data in fresh for entry in split_bundle(data)]
    extension = edge.extend(hash_leaves(entries))
    revokes, documents = _read_others(entries, step.start)
    return ReadStep(extension.range, _rows_of(step, cut, extension.levels), revokes, documents)


def _cut(bundle: Bundle, data: bytes, end: int) -> bytes:
    return data[: min(bundle.width, end - bundle.start) * STRIDE_BYTES]


def _rows_of(step: Step, cut: Sequence[bytes], levels: Sequence[bytes]) -> tuple[BundleRow, ...]:
    """Makes the rows. The roots of bundles are the nodes that the step has completed at their level."""
    roots = levels[TILE_HEIGHT] if len(levels) > TILE_HEIGHT else b""
    return tuple(
        (bundle.index, data, roots[at * HASH_BYTES : (at + 1) * HASH_BYTES] or None)
        for at, (bundle, data) in enumerate(zip(step.bundles, cut, strict=True))
    )


def _read_others(
    entries: Sequence[bytes], start: int
) -> tuple[dict[int, int], tuple[tuple[int, bytes], ...]]:
    """Reads the entries that are no mappings: which targets are revoked, and which documents are named."""
    kinds = bytes([entry[0] for entry in entries]).translate(_IS_OTHER)
    revokes: dict[int, int] = {}
    documents: list[tuple[int, bytes]] = []
    at = kinds.find(1)
    while at >= 0:
        entry = parse_entry(entries[at])
        if isinstance(entry, RevokeEntry) and entry.target < start + at:
            revokes.setdefault(entry.target, start + at)
        elif isinstance(entry, OperationsEntry):
            documents.append((start + at, entry.digest))
        at = kinds.find(1, at + 1)
    return revokes, tuple(documents)


def check_bundle(bundle: Bundle, data: bytes) -> bytes:
    """Checks what was served for a bundle: exactly so many entries of 33 bytes, or the full bundle in its place.

    Returns the entries of the width that was asked for. Raises WrongAnswer.
    """
    if len(data) not in {bundle.width * STRIDE_BYTES, TILE_WIDTH * STRIDE_BYTES}:
        raise WrongAnswer(f"{bundle} was served with {len(data)} bytes")
    count = len(data) // STRIDE_BYTES
    if data[::STRIDE_BYTES] != bytes(count) or data[1::STRIDE_BYTES] != b"\x21" * count:
        raise WrongAnswer(f"{bundle} holds an entry that has not 33 bytes")
    return data[: bundle.width * STRIDE_BYTES]
