"""Grows our own tree by the entries that a peer has kept. Pure.

Nothing is believed of the entries: whoever calls this compares the root at the end with a checkpoint that our own key
has signed, and writes nothing into the log before.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from federation.errors import FederationError
from federation.fsck.liveness import LeafSet
from federation.own_log.batch import LogEdge
from federation.protocol.entry import (
    STRIDE_BYTES,
    MappingEntry,
    OperationsEntry,
    RevokeEntry,
    parse_entry,
)
from federation.tlog.bundles import encode_bundle
from federation.tlog.growth import Edge, grow
from federation.tlog.merkle import hash_leaves
from federation.tlog.tiles import TILE_WIDTH, Bundle, Tile

MAX_STEP: Final = 64 * TILE_WIDTH
"""Entries that are held in memory at a time: about 2 MB with their tiles."""


class WrongEntries(FederationError):
    """The entries that a peer has served do not lead to the root that this log has signed."""


@dataclass(frozen=True, slots=True)
class Revoke:
    """A revoke that takes effect: the first one that names a mapping before it."""

    target: int
    by: int


@dataclass(frozen=True, slots=True)
class Regrown:
    """What a step of entries adds to the log."""

    tiles: tuple[tuple[Tile | Bundle, bytes], ...]
    commitments: dict[int, bytes]
    """By leaf, also of leaves that are revoked later on."""
    revokes: tuple[Revoke, ...]
    digests: dict[int, bytes]
    """Of the operations documents that stand in the log, by leaf."""


class Regrowth:
    """A tree that grows from an edge which we hold, by the entries of a peer."""

    def __init__(self, edge: LogEdge) -> None:
        self._edge = edge
        self._base = edge.size
        self._live = LeafSet()
        self._ended: set[int] = set()
        self._has_ended = False

    @property
    def size(self) -> int:
        return self._edge.size

    def root(self) -> bytes:
        return self._edge.tree.root()

    def holds(self, leaf: int) -> bool:
        """Whether a leaf that was added is a mapping, and holds at the end of what was taken."""
        return leaf in self._live

    def live_leaves(self) -> Iterator[int]:
        """Yields the added leaves that are mappings, and hold at the end."""
        return iter(self._live)

    @property
    def has_ended(self) -> bool:
        """Whether a mapping among the added leaves was revoked since: nobody knows any more what it said."""
        return self._has_ended

    def extend(self, entries: Sequence[bytes], former: Collection[int]) -> Regrown:
        """Takes the next entries. `former` are the leaves that they revoke, of those that the tree had at first and that
        held then: `find_targets` lists what has to be looked up for it."""
        first = self.size
        commitments, digests, revokes = dict[int, bytes](), dict[int, bytes](), list[Revoke]()
        for leaf, raw in enumerate(entries, first):
            match parse_entry(raw):
                case MappingEntry(commitment):
                    commitments[leaf] = commitment
                    self._live.add(leaf)
                case OperationsEntry(digest):
                    digests[leaf] = digest
                case RevokeEntry(target) if self._ends(target, former):
                    revokes.append(Revoke(target, leaf))
                case _:
                    pass
        return Regrown(self._grow(entries), commitments, tuple(revokes), digests)

    def _ends(self, target: int, former: Collection[int]) -> bool:
        """Whether a revoke takes effect. Of one batch, only what came before it is live yet."""
        if target < self._base:
            is_first = target in former and target not in self._ended
            self._ended.add(target)
            return is_first
        if target not in self._live:
            return False
        self._live.discard(target)
        self._has_ended = True
        return True

    def _grow(self, entries: Sequence[bytes]) -> tuple[tuple[Tile | Bundle, bytes], ...]:
        growth = grow(self._edge.tree, hash_leaves(entries))
        first = self._edge.size // TILE_WIDTH
        data = self._edge.bundle + b"".join(encode_bundle([entry]) for entry in entries)
        full = TILE_WIDTH * STRIDE_BYTES
        parts = [data[at : at + full] for at in range(0, len(data), full)]
        bundles = [
            (Bundle(first + number, len(part) // STRIDE_BYTES), part) for number, part in enumerate(parts)
        ]
        last = growth.edge.size % TILE_WIDTH * STRIDE_BYTES
        self._edge = LogEdge(growth.edge, data[len(data) - last :])
        return (*growth.tiles, *bundles)


def find_targets(entries: Sequence[bytes], base: int) -> set[int]:
    """Finds the leaves below `base` that these entries name in revokes."""
    parsed = map(parse_entry, entries)
    return {entry.target for entry in parsed if isinstance(entry, RevokeEntry) and entry.target < base}


def empty_edge() -> LogEdge:
    """Returns the edge of a log without leaves."""
    return LogEdge(Edge.empty(), b"")
