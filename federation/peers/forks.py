"""Records that a log has forked: keeps the evidence, freezes the peer, and schedules that the other peers are told."""

from datetime import datetime
from hashlib import sha256

import structlog

from directory.origins import Authority, Standing, may_change
from directory.store.database import Connection
from federation.keys.evidence import Evidence
from federation.store.peer_evidence import (
    ProvenFork,
    freeze_origin,
    insert_evidence,
    lock_standing,
    schedule_deliveries,
)

log = structlog.get_logger(__name__)


async def record_fork(
    connection: Connection, origin: str, evidence: Evidence, now: datetime, *, told_by: str = ""
) -> bool:
    """Keeps evidence that the caller has verified as proven, freezes the log that it is about, and schedules its delivery
    to the other peers. The caller holds a transaction.

    `told_by` is the peer that sent it, which is not told again; empty where we found it. Returns False, and changes
    nothing, where this evidence is kept already.
    """
    file = bytes(evidence)
    found = ProvenFork(origin, sha256(file).digest(), file, now, told_by)
    number = await insert_evidence(connection, found)
    if number is None:
        return False
    before = await lock_standing(connection, origin)
    if before is not None and may_change(before, Standing.FROZEN, Authority.SOFTWARE):
        await freeze_origin(connection, origin)
    told = await schedule_deliveries(connection, number, {origin, told_by}, now)
    log.error("a log has signed two trees", origin=origin, told_by=told_by, peers_to_tell=told)
    return True
