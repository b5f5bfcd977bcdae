"""Checks our own log in the database: one snapshot, read in pieces, with flat memory."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from directory.store.database import Connection, Database
from federation.errors import InvalidOperations, InvalidProof, InvalidTile, LogEmpty
from federation.fsck.check import check_log
from federation.fsck.findings import Fault, Finding
from federation.fsck.hashing_process import HashingProcesses
from federation.fsck.source import DatabaseLog, HashElsewhere
from federation.fsck.state import ExaminedState, examine_state
from federation.keys.chain import MAX_DOCUMENTS, parse_operations_note
from federation.keys.documents import KeptDocument, find_signers
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


async def check_database_log(  # noqa: PLR0913 - by keyword, each with a default
    database: Database,
    *,
    checkpoint_keys: Sequence[VerifierKey] = (),
    first_key: VerifierKey | None = None,
    now: datetime | None = None,
    with_bodies: bool = True,
    progress: Callable[[int], None] = lambda leaves: None,
) -> FsckReport:
    """Checks all that is stored of our log, and that the answers say the same. One of `checkpoint_keys` must have signed its checkpoints, and with `now`
    one that is in power then; without keys no signature is verified.

    Raises LogEmpty, LogRefused where the state of the log cannot be read, DirectoryUnavailable.
    """
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        state = await fetch_state(connection)
        if state is None or state.published is None:
            raise LogEmpty("this instance has published nothing yet")
        kept_documents = await _read_documents(connection)
        former = {key for document, _ in kept_documents for key in document.checkpoint_keys}
        keys = _in_power(checkpoint_keys, kept_documents, state.published_size, now)
        examined = examine_state(state, keys, former, await _count_kept(connection))
        findings = list(examined.findings)
        findings += await _check_tree(connection, examined, first_key, progress, with_bodies=with_bodies)
        findings += await _check_places(connection, examined.tree.size)
        for earlier in examined.earlier:
            if not await _has_grown_out_of(connection, earlier.size, earlier.root):
                detail = f"size {earlier.size}, which was signed"
                findings.append(Finding(Fault.WRONG_ROOT, detail=detail))
        findings += await _check_recoveries(connection, kept_documents, examined.tree.size)
        if not with_bodies:
            return FsckReport(examined.published, tuple(findings))
        findings += await _check_answers(connection, state.origin)
        unsaid = await fetch_unsaid_answers(connection, state.origin, MAX_TOLD)
        silent = await fetch_silent_leaves(connection, state.origin, state.ingested_size, MAX_TOLD)
    return FsckReport(examined.published, tuple(findings), tuple(unsaid), tuple(silent))


async def _check_answers(connection: Connection, origin: str) -> list[Finding]:
    """Checks what keeps leaves from answering: the standing of our own origin, and the kept revokes."""
    findings: list[Finding] = []
    if not await is_origin_answering(connection, origin):
        findings.append(
            Finding(
                Fault.WRONG_STATE, detail="the origin of this log is set not to answer, or counts as silent"
            )
        )
    wrong = await fetch_wrong_revokes(connection, MAX_TOLD)
    return [*findings, *(Finding(Fault.REVOKE_ROW, leaf=leaf) for leaf in wrong)]


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


def _in_power(
    keys: Sequence[VerifierKey], documents: Sequence[KeptDocument], size: int, now: datetime | None
) -> Sequence[VerifierKey]:
    """Returns those of `keys` that sign the checkpoint of this size: a key that was retired signs nothing more. All of
    them where the documents name none of them, which is told otherwise, or the time is not given."""
    chain = [document for document, leaf in documents if leaf is not None and leaf < size]
    if now is None or not chain:
        return keys
    signing = find_signers(chain, int(now.timestamp()))[0]
    return [key for key in keys if key in signing] or keys


async def _read_documents(connection: Connection) -> list[KeptDocument]:
    """Reads all operations documents that can be parsed, with their leaves, whether or not they verify."""
    documents: list[KeptDocument] = []
    for _, note, leaf in await fetch_documents(connection, MAX_DOCUMENTS):
        with suppress(InvalidOperations):
            documents.append((parse_operations_note(note)[0], leaf))
    return documents


async def _count_kept(connection: Connection) -> int:
    """Returns the number of stored entries, as the last bundle's place and length give it."""
    last = await fetch_last_tile(connection, place_of(Bundle(0)), place_of(Tile(0, 0)))
    return 0 if last is None else last[0] * TILE_WIDTH + last[1] // STRIDE_BYTES


async def _check_places(connection: Connection, size: int) -> list[Finding]:
    strays = await fetch_places_within(connection, places_beyond(size), MAX_TOLD)
    return [Finding(Fault.STRAY_TILE, detail=f"{name_of(place)}, place {place}") for place in strays]


async def _has_grown_out_of(connection: Connection, size: int, root: bytes) -> bool:
    """Tells whether a smaller tree is the beginning of the stored one."""
    tiles = root_tiles(size)
    kept = await fetch_tiles(connection, tiles)
    try:
        TileHashes.fetched(size, {tile: kept[tile][: tile.byte_count] for tile in tiles}).check_root(root)
    except (KeyError, InvalidTile, InvalidProof):
        return False
    return True


async def _check_recoveries(
    connection: Connection, documents: Sequence[KeptDocument], size: int
) -> list[Finding]:
    """Checks the trees that recoveries call right."""
    findings = []
    for document, leaf in documents:
        right = document.right_tree
        if right is None:
            continue
        end = size if leaf is None else min(leaf, size)
        if right.size > end or not await _has_grown_out_of(connection, right.size, right.root):
            findings.append(Finding(Fault.WRONG_RECOVERY, leaf=leaf, detail=f"size {right.size}"))
    return findings
