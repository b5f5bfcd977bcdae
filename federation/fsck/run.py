"""Checks our own log in the database: one snapshot, read in pieces, with flat memory."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from directory.store.database import Connection, Database
from federation.errors import InvalidOperations, InvalidProof, InvalidTile, LogEmpty
from federation.fsck.check import check_log
from federation.fsck.findings import Fault, Finding
from federation.fsck.hashing_process import HashingProcesses
from federation.fsck.source import DatabaseLog, HashElsewhere
from federation.fsck.state import ExaminedState, examine_state
from federation.keys.chain import MAX_DOCUMENTS, parse_operations_note
from federation.protocol.entry import STRIDE_BYTES
from federation.protocol.tile_places import name_of, place_of, places_beyond
from federation.store.log_rows import fetch_state, fetch_tiles
from federation.store.log_scan import (
    fetch_documents,
    fetch_last_tile,
    fetch_places_within,
    fetch_silent_leaves,
    fetch_unsaid_answers,
    fetch_wrong_revokes,
    is_origin_answering,
)
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.keys import VerifierKey
from federation.tlog.reading import TileHashes, root_tiles
from federation.tlog.tiles import TILE_WIDTH, Bundle, Tile

MAX_TOLD: Final = 100
LARGE_LOG_LEAVES: Final = 65_536
"""From this size on it pays to start processes for the hashing."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FsckReport:
    """A checked log, and everything that is wrong with it."""

    checkpoint: Checkpoint
    """The published one."""
    findings: tuple[Finding, ...]
    unsaid_answers: tuple[int, ...] = ()
    """Row numbers of active mappings of this instance that differ from the body of their leaf."""
    silent_leaves: tuple[int, ...] = ()
    """Leaves that hold and have a body, and for which nothing answers."""

    @property
    def is_clean(self) -> bool:
        return not self.findings and not self.unsaid_answers and not self.silent_leaves

    @property
    def sentences(self) -> list[str]:
        """Every fault in words, with its place."""
        answers = (
            f"row {number} of the mappings answers something that the log does not say"
            for number in self.unsaid_answers
        )
        silent = (
            f"leaf {leaf}: it holds, and nothing answers for it: its mapping is gone, or was set aside"
            for leaf in self.silent_leaves
        )
        return [*map(str, self.findings), *answers, *silent]


async def check_database_log(
    database: Database,
    *,
    checkpoint_keys: Sequence[VerifierKey] = (),
    first_key: VerifierKey | None = None,
    with_bodies: bool = True,
    progress: Callable[[int], None] = lambda leaves: None,
) -> FsckReport:
    """Checks all that is stored of our log, and that the answers say the same. One of `checkpoint_keys` must have signed its checkpoints; without keys
    no signature is verified.

    Raises LogEmpty, LogRefused where the state of the log cannot be read, DirectoryUnavailable.
    """
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        state = await fetch_state(connection)
        if state is None or state.published is None:
            raise LogEmpty("this instance has published nothing yet")
        former = await _former_keys(connection)
        examined = examine_state(state, checkpoint_keys, former, await _count_kept(connection))
        findings = list(examined.findings)
        findings += await _check_tree(connection, examined, first_key, progress, with_bodies=with_bodies)
        findings += await _check_places(connection, examined.tree.size)
        for earlier in examined.earlier:
            findings += await _check_earlier(connection, earlier)
        if not with_bodies:
            return FsckReport(examined.published, tuple(findings))
        if not await is_origin_answering(connection, state.origin):
            findings.append(Finding(Fault.WRONG_STATE, detail="the origin of this log is set not to answer"))
        wrong = await fetch_wrong_revokes(connection, MAX_TOLD)
        findings += [Finding(Fault.REVOKE_ROW, leaf=leaf) for leaf in wrong]
        unsaid = await fetch_unsaid_answers(connection, state.origin, MAX_TOLD)
        silent = await fetch_silent_leaves(connection, state.origin, state.ingested_size, MAX_TOLD)
    return FsckReport(examined.published, tuple(findings), tuple(unsaid), tuple(silent))


async def _check_tree(
    connection: Connection,
    examined: ExaminedState,
    first_key: VerifierKey | None,
    progress: Callable[[int], None],
    *,
    with_bodies: bool,
) -> tuple[Finding, ...]:
    with ExitStack() as stack:
        hash_elsewhere: HashElsewhere | None = None
        if examined.tree.size >= LARGE_LOG_LEAVES:
            hash_elsewhere = stack.enter_context(HashingProcesses()).submit
        source = DatabaseLog(
            connection,
            examined.tree.size,
            asyncio.get_running_loop(),
            published=examined.published.size if with_bodies else None,
            hash_elsewhere=hash_elsewhere,
        )
        findings = check_log(
            examined.tree,
            source,
            published=examined.published.size,
            log_key=first_key,
            progress=progress,
        )
        return await _run_in_thread(source, lambda: tuple(findings))


async def _run_in_thread(source: DatabaseLog, check: Callable[[], T]) -> T:
    def run() -> T:
        try:
            return check()
        finally:
            source.settle()

    thread = asyncio.ensure_future(asyncio.to_thread(run))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        source.stop()
        # The thread uses the connection until it has stopped.
        await asyncio.gather(thread, return_exceptions=True)
        raise


async def _former_keys(connection: Connection) -> set[VerifierKey]:
    """Returns all log keys that operations documents name, whether or not these verify."""
    keys: set[VerifierKey] = set()
    for _, note, _ in await fetch_documents(connection, MAX_DOCUMENTS):
        with suppress(InvalidOperations):
            keys.update(parse_operations_note(note)[0].checkpoint_keys)
    return keys


async def _count_kept(connection: Connection) -> int:
    """Returns the number of stored entries, as the last bundle's place and length give it."""
    last = await fetch_last_tile(connection, place_of(Bundle(0)), place_of(Tile(0, 0)))
    return 0 if last is None else last[0] * TILE_WIDTH + last[1] // STRIDE_BYTES


async def _check_places(connection: Connection, size: int) -> list[Finding]:
    strays = await fetch_places_within(connection, places_beyond(size), MAX_TOLD)
    return [Finding(Fault.STRAY_TILE, detail=f"{name_of(place)}, place {place}") for place in strays]


async def _check_earlier(connection: Connection, checkpoint: Checkpoint) -> list[Finding]:
    """Checks that a smaller tree, which was signed, is the beginning of the stored one."""
    tiles = root_tiles(checkpoint.size)
    kept = await fetch_tiles(connection, tiles)
    try:
        TileHashes.fetched(
            checkpoint.size, {tile: kept[tile][: tile.byte_count] for tile in tiles}
        ).check_root(checkpoint.root)
    except (KeyError, InvalidTile, InvalidProof):
        return [Finding(Fault.WRONG_ROOT, detail=f"size {checkpoint.size}, which was signed")]
    return []
