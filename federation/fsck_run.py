"""Checks our own log as it lies in the database: one snapshot, read in pieces, memory flat."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from directory.store.database import Database
from federation.errors import LogEmpty, LogRefused, Malformed, UntrustedNote
from federation.findings import Finding
from federation.fsck import check_log
from federation.hashing_process import HashingProcesses
from federation.log_source import DatabaseLog, HashElsewhere
from federation.log_state import read_own_checkpoint
from federation.store.log_rows import fetch_state
from federation.store.log_scan import fetch_answers_without_leaf
from federation.tlog.checkpoint import Checkpoint, LogTrust, open_checkpoint
from federation.tlog.keys import VerifierKey
from federation.tlog.note import NoteVerifier

MAX_ANSWERS_TOLD: Final = 100
LARGE_LOG_LEAVES: Final = 65_536
"""From here on it pays to start processes for the hashing."""


@dataclass(frozen=True, slots=True)
class FsckReport:
    """What was checked, and everything that is wrong with it."""

    checkpoint: Checkpoint
    findings: tuple[Finding, ...]
    answers_without_leaf: tuple[int, ...] = ()
    """Row numbers of mappings of this instance that answer though its log does not say them."""

    @property
    def is_clean(self) -> bool:
        return not self.findings and not self.answers_without_leaf


async def check_database_log(
    database: Database,
    *,
    checkpoint_keys: Sequence[VerifierKey] = (),
    first_key: VerifierKey | None = None,
    with_bodies: bool = True,
    progress: Callable[[int], None] = lambda leaves: None,
) -> FsckReport:
    """Checks the published log. `checkpoint_keys` are those of which one must have signed its checkpoint.

    Raises LogEmpty, LogRefused where the checkpoint itself cannot be believed, DirectoryUnavailable.
    """
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        state = await fetch_state(connection)
        if state is None or state.published is None:
            raise LogEmpty("this instance has published nothing yet")
        checkpoint = read_own_checkpoint(state.published)
        _verify(state.published, state.origin, checkpoint_keys)
        with ExitStack() as stack:
            hash_elsewhere: HashElsewhere | None = None
            if checkpoint.size >= LARGE_LOG_LEAVES:
                hash_elsewhere = stack.enter_context(HashingProcesses()).submit
            source = DatabaseLog(
                connection,
                checkpoint.size,
                asyncio.get_running_loop(),
                with_bodies=with_bodies,
                hash_elsewhere=hash_elsewhere,
            )
            findings = await _check_in_thread(checkpoint, source, first_key, progress)
        stray = await fetch_answers_without_leaf(connection, state.origin, MAX_ANSWERS_TOLD)
    return FsckReport(checkpoint, findings, tuple(stray))


async def _check_in_thread(
    checkpoint: Checkpoint,
    source: DatabaseLog,
    first_key: VerifierKey | None,
    progress: Callable[[int], None],
) -> tuple[Finding, ...]:
    def run() -> tuple[Finding, ...]:
        try:
            return tuple(
                check_log(checkpoint, source, log_key=first_key, hashed=source.hash_bundle, progress=progress)
            )
        finally:
            source.settle()

    thread = asyncio.ensure_future(asyncio.to_thread(run))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        source.stop()
        # The connection is the thread's until it has seen this.
        await asyncio.gather(thread, return_exceptions=True)
        raise


def _verify(note: bytes, origin: str, keys: Sequence[VerifierKey]) -> None:
    if not keys:
        return
    try:
        open_checkpoint(note, LogTrust(origin, tuple(map(NoteVerifier, keys))))
    except (Malformed, UntrustedNote) as error:
        raise LogRefused(f"the published checkpoint is not by a key of this log: {error}") from error
