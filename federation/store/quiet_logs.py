"""Claims the logs of peers that had nothing new, many in one statement, and makes them due again in one.

Not trusted with what is believed: at most it has a log read on, or left alone for a while.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from directory.store.database import Database
from directory.store.leases import Lease
from federation.protocol.peer_places import MAX_LEAVES
from federation.store.peer_logs import FOLLOWING, PEER_LOGS

LOGS_AT_ONCE: Final = 50

_OF_PEER: Final = "FROM peer p WHERE p.origin = peer_log.origin"
_IS_MISSING: Final = (
    f"m.place >= peer_log.id::bigint * {MAX_LEAVES} AND m.place < (peer_log.id::bigint + 1) * {MAX_LEAVES}"
)
# Whatever has set a log back since, or is still to be asked for, takes a round of its own.
_IS_QUIET: Final = f"""
    peer_log.quiet_under IS NOT NULL AND peer_log.fault = '' AND peer_log.stopped = ''
    AND peer_log.size = peer_log.target_size AND peer_log.unread_document IS NULL
    AND (peer_log.bodies_size >= peer_log.size OR (SELECT p.we_follow {_OF_PEER}) <> {FOLLOWING})
    AND NOT EXISTS (SELECT FROM peer_missing m WHERE {_IS_MISSING})
"""
_HOST: Final = f"(SELECT regexp_replace(p.address, '^https?://', '') {_OF_PEER})"
QUIET_LOGS: Final = replace(
    PEER_LOGS,
    waits=f"{PEER_LOGS.waits} AND {_IS_QUIET}",
    hosts=f"ARRAY[{_HOST}]",
    heeds_backoff=True,
)
_COLUMNS: Final = f"id, attempts, quiet_under, (SELECT p.address {_OF_PEER}) AS address"
_CHANGE: Final = """
UPDATE peer_log l SET {changes} FROM unnest($1::int[], $2::int[]) AS mine (id, attempt)
WHERE l.id = mine.id AND l.attempts = mine.attempt
"""
_LEAVE: Final = _CHANGE.format(changes="next_at = $3, seen_at = $4")
_WAKE: Final = _CHANGE.format(changes="next_at = $3, quiet_under = NULL")
_RELEASE: Final = _CHANGE.format(changes="next_at = $3, attempts = l.attempts - 1")


@dataclass(frozen=True, slots=True)
class QuietLog:
    """One attempt at a look at a log. `digest` is the SHA-256 of the checkpoint under which all was read."""

    lease: Lease
    address: str
    digest: bytes


class QuietLogStore:
    """Claims logs that are due, and in which all was read that the checkpoint covers which was served last."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim_due(self, now: datetime) -> list[QuietLog]:
        """Claims logs, those that have been due for longest."""
        async with self._database.connection() as connection:
            rows = await QUIET_LOGS.claim(connection, now, LOGS_AT_ONCE, _COLUMNS)
        return [
            QuietLog(Lease(row["id"], row["attempts"]), row["address"].rstrip("/"), row["quiet_under"])
            for row in rows
        ]

    async def leave(self, logs: Sequence[QuietLog], due: datetime, now: datetime) -> None:
        """Leaves logs alone until they are due, that were seen to have nothing new."""
        await self._change(_LEAVE, logs, due, now)

    async def wake(self, logs: Sequence[QuietLog], now: datetime) -> None:
        """Makes logs due for a round of their own."""
        await self._change(_WAKE, logs, now)

    async def release(self, logs: Sequence[QuietLog], now: datetime) -> None:
        """Releases logs, the look at which was broken off: due again now."""
        await self._change(_RELEASE, logs, now)

    async def _change(self, sql: str, logs: Sequence[QuietLog], *values: datetime) -> None:
        if not logs:
            return
        leases = [log.lease for log in logs]
        async with self._database.connection() as connection:
            await connection.execute(
                sql, [lease.key for lease in leases], [lease.attempt for lease in leases], *values
            )
