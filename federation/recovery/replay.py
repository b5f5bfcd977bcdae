"""Reads what was brought of our log, and grows our tree by it. Believed only where its root is the one that we have signed."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final

from directory.store.database import Connection
from federation.errors import FederationError, InvalidBundle
from federation.own_log.batch import LogEdge
from federation.protocol.entry import ENTRY_BYTES, STRIDE_BYTES, EntryType
from federation.recovery.regrowth import Regrown, Regrowth, WrongEntries, find_targets
from federation.store.log_rows import fetch_tiles
from federation.store.recovering import fetch_bundle, find_revoked
from federation.tlog.bundles import LENGTH_BYTES, decode_bundle
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.tiles import TILE_WIDTH, Bundle, bundle_at, bundles_added

STEP_BUNDLES: Final = 64
OnStep = Callable[[list[bytes], int, Regrown], Awaitable[None]]
"""Takes the entries of a step, the leaf of the first one, and what they add."""


class OtherTree(FederationError):
    """The entries lead to the signed root, and on the way not to a root that was signed as well: the log has forked."""

    def __init__(self, size: int) -> None:
        super().__init__(f"at size {size} the log had another root than one that its key has signed")
        self.size = size


async def replay(
    connection: Connection,
    edge: LogEdge,
    whole: Checkpoint,
    on_step: OnStep,
    roots: Mapping[int, bytes] | None = None,
) -> Regrowth:
    """Grows the tree from `edge` to `whole` by the bundles that were brought. Returns it at its end.

    `roots` are others that were signed, by size. Raises WrongEntries where the entries do not lead to the root of `whole`
    or one is missing, and OtherTree: what `on_step` has written is then to be rolled back.
    """
    wanted = roots or {}
    grown, wrong = Regrowth(edge), list[int]()
    for first, end in _steps(edge.size, whole.size, wanted):
        entries = await _read(connection, first, end, whole.size)
        step = grown.extend(entries, await _former_of(connection, find_targets(entries, edge.size)))
        if grown.size in wanted and wanted[grown.size] != grown.root():
            wrong.append(grown.size)
        await on_step(entries, first, step)
    if grown.root() != whole.root:
        raise WrongEntries("what it has served does not lead to the root that this log has signed")
    if wrong:
        raise OtherTree(wrong[0])
    return grown


def _steps(base: int, size: int, cuts: Mapping[int, bytes]) -> Iterator[tuple[int, int]]:
    """Yields the steps, each within so many bundles, and one ending at each cut."""
    ends = {min((bundle.index + 1) * TILE_WIDTH, size) for bundle in list(bundles_added(base, size))}
    inner = sorted(end for end in ends if end == size or end // TILE_WIDTH % STEP_BUNDLES == 0)
    first = base
    for end in sorted({*inner, *(cut for cut in cuts if base < cut < size)}):
        yield first, end
        first = end


async def _read(connection: Connection, first: int, end: int, size: int) -> list[bytes]:
    entries: list[bytes] = []
    for bundle in bundles_added(first, end):
        width = bundle_at(size, bundle.index).width
        data = await fetch_bundle(connection, bundle.index)
        if data is None or len(data) != width * STRIDE_BYTES:
            raise WrongEntries(f"the entry bundle {bundle.index} was not served whole")
        try:
            whole = decode_bundle(data, width)
        except InvalidBundle as error:
            raise WrongEntries(f"the entry bundle {bundle.index} is none: {error}") from error
        if any(len(entry) != ENTRY_BYTES for entry in whole):
            raise WrongEntries(f"the entry bundle {bundle.index} holds an entry that this log never made")
        entries += whole[max(first - bundle.start, 0) : end - bundle.start]
    return entries


async def _former_of(connection: Connection, targets: set[int]) -> set[int]:
    """Returns those of these leaves of the tree that we hold which are mappings and hold."""
    if not targets:
        return set()
    bundles = {leaf: Bundle(leaf // TILE_WIDTH) for leaf in targets}
    kept = await fetch_tiles(connection, list(set(bundles.values())))
    mappings = {
        leaf
        for leaf, bundle in bundles.items()
        if bundle in kept
        and kept[bundle][(leaf - bundle.start) * STRIDE_BYTES + LENGTH_BYTES :][:1]
        == bytes([EntryType.MAPPING])
    }
    return mappings - await find_revoked(connection, list(mappings))
