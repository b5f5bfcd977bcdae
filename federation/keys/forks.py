"""Records that a log has forked: keeps the evidence, freezes the peer, and schedules that the other peers are told."""

from datetime import datetime

import structlog

from directory.store.database import Connection
from federation.keys.evidence import Evidence
from federation.store.peer_evidence import Fork, Recorded, keep_fork
from federation.tlog.checkpoint import Checkpoint

log = structlog.get_logger(__name__)


async def record_fork(  # noqa: PLR0913 - two of them by keyword, with defaults
    connection: Connection,
    origin: str,
    evidence: Evidence,
    now: datetime,
    *,
    told_by: str = "",
    explained: str = "",
    is_ours: bool = False,
) -> bool:
    """Keeps evidence that the caller has verified as proven, freezes the log that it is about, and schedules its delivery
    to the other peers. The caller holds a transaction.

    `told_by` is the peer that sent it, which is not told again; empty where we found it. `explained` is why it is not held
    against the log: then it is kept and shown, and nothing else happens; likewise where it `is_ours`, about our own log.
    Returns False where this evidence is kept already, or as much as is kept of one log.
    """
    older, newer = (Checkpoint.parse(note.text) for note in (evidence.older, evidence.newer))
    fork = Fork(
        origin, bytes(evidence), older.size, newer.size, explained=explained, told_by=told_by, is_ours=is_ours
    )
    is_new = await keep_fork(connection, fork, now) is Recorded.KEPT
    if is_new and fork.freezes:
        log.error("a log has signed two trees", origin=origin, told_by=told_by, size=fork.newer_size)
    elif is_new:
        log.warning("a log has signed two trees, which is explained", origin=origin, reason=explained)
    return is_new
