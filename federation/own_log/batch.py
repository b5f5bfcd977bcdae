"""Composes one batch of the log: entries in a random order, the tiles to write, the tree to sign. Pure."""

import secrets
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from federation.keys.operations import Operations
from federation.protocol.entry import (
    ENTRY_BYTES,
    STRIDE_BYTES,
    OperationsEntry,
    RevokeEntry,
    RevokeReason,
    encode_entry,
    encode_mapping_entry,
)
from federation.protocol.statement import commitment, make_salts
from federation.tlog.bundles import encode_bundle
from federation.tlog.growth import Edge, grow
from federation.tlog.merkle import hash_leaves
from federation.tlog.tiles import TILE_WIDTH, Bundle, Tile


@dataclass(frozen=True, slots=True)
class LogEdge:
    """All that appending needs: the right edge of the tree, and the entries of its last bundle."""

    tree: Edge
    bundle: bytes
    """Empty where the last bundle is full."""

    @property
    def size(self) -> int:
        return self.tree.size


SealedBody = tuple[int, bytes, bytes, bytes]
"""The row number of a mapping, its salt, its body, and the entry that commits to both."""


@dataclass(frozen=True, slots=True)
class Pending:
    """What waits to be appended."""

    operations: Sequence[Operations] = ()
    bodies: Sequence[SealedBody] = ()
    revokes: Sequence[tuple[int, int]] = ()
    """Leaf and true reason. The reason is kept beside the body until that is erased, and never enters the log."""

    def __len__(self) -> int:
        return len(self.operations) + len(self.bodies) + len(self.revokes)


@dataclass(slots=True)
class Batch:
    """What a batch writes, and the leaf of each item."""

    edge: LogEdge
    tiles: list[tuple[Tile | Bundle, bytes]] = field(default_factory=list)
    statements: list[tuple[int, bytes, bytes]] = field(default_factory=list)
    """Leaf, salt, body."""
    mappings: list[tuple[int, int]] = field(default_factory=list)
    """Row number and leaf."""
    revokes: list[tuple[int, int, int]] = field(default_factory=list)
    """Target, revoking leaf, and the true reason."""
    operations: list[tuple[int, int]] = field(default_factory=list)
    """Number of the document and leaf."""


def seal_bodies(bodies: Sequence[tuple[int, bytes]]) -> list[SealedBody]:
    """Gives each body, which comes with the row number of its mapping, a new salt and its entry."""
    return [
        (number, salt, body, encode_mapping_entry(commitment(salt, body)))
        for (number, body), salt in zip(bodies, make_salts(len(bodies)), strict=True)
    ]


def compose_batch(edge: LogEdge, pending: Pending) -> Batch:
    """Composes a batch of everything that is pending. Documents come first, in their order; the rest is shuffled, so
    that a place in the batch reveals nothing about the order of arrival."""
    batch = Batch(edge)
    entries = [
        _take_operations(batch, document, edge.size + at) for at, document in enumerate(pending.operations)
    ]
    first_revoke = len(pending.bodies)
    shuffled = _shuffled(first_revoke + len(pending.revokes))
    for leaf, at in enumerate(shuffled, edge.size + len(entries)):
        if at < first_revoke:
            number, salt, body, entry = pending.bodies[at]
            batch.mappings.append((number, leaf))
            batch.statements.append((leaf, salt, body))
            entries.append(entry)
        else:
            entries.append(_take_revoke(batch, *pending.revokes[at - first_revoke], leaf))
    growth = grow(edge.tree, hash_leaves(entries))
    bundles = edge.bundle + b"".join([_PREFIX + entry for entry in entries])
    batch.tiles += growth.tiles
    batch.tiles += _cut_bundles(edge.size, bundles)
    last = growth.edge.size % TILE_WIDTH * STRIDE_BYTES
    batch.edge = LogEdge(growth.edge, bundles[len(bundles) - last :])
    return batch


_PREFIX: Final = encode_bundle([bytes(ENTRY_BYTES)])[:2]


def _take_operations(batch: Batch, document: Operations, leaf: int) -> bytes:
    batch.operations.append((document.number, leaf))
    return encode_entry(OperationsEntry(document.digest))


def _shuffled(count: int) -> list[int]:
    """Returns the numbers below `count` in a random order: each has a random key, by which they are sorted."""
    keys = struct.unpack(f"{count}Q", secrets.token_bytes(8 * count))
    return sorted(range(count), key=keys.__getitem__)


def _take_revoke(batch: Batch, target: int, reason: int, leaf: int) -> bytes:
    batch.revokes.append((target, leaf, reason))
    # The log is for ever, and tells of somebody who asked to be forgotten: it says that a leaf ended, and not why.
    return encode_entry(RevokeEntry(target, RevokeReason.UNSPECIFIED))


def _cut_bundles(old_size: int, data: bytes) -> list[tuple[Tile | Bundle, bytes]]:
    full = TILE_WIDTH * STRIDE_BYTES
    first = old_size // TILE_WIDTH
    parts = [data[at : at + full] for at in range(0, len(data), full)]
    return [(Bundle(first + number, len(part) // STRIDE_BYTES), part) for number, part in enumerate(parts)]
