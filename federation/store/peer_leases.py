"""How long peers have been silent, and the deletion of what they said."""

from datetime import datetime
from typing import Final

import msgspec

from directory.mappings import MAX_AHEAD
from directory.store.database import Database
from directory.store.mapping_rows import let_go_of_origin
from federation.protocol.peer_places import peer_places

_SILENT: Final = """
SELECT o.id, o.name, o.heard_at, l.id AS log, s.heard_at AS silent_since, s.seen_at, s.days
FROM peer p JOIN origin o ON o.name = p.origin JOIN peer_log l ON l.origin = p.origin
LEFT JOIN peer_silence s ON s.origin = p.origin
WHERE o.heard_at <= $1 ORDER BY o.name
"""
_RECORD: Final = """
INSERT INTO peer_silence (origin, heard_at, seen_at, days) VALUES ($1, $2, $3, $4)
ON CONFLICT (origin) DO UPDATE SET heard_at = excluded.heard_at, seen_at = excluded.seen_at, days = excluded.days
"""
# Our own log has no such time, and answers without: a peer that has none would never be hidden.
_HIDE_UNHEARD: Final = """
UPDATE origin SET heard_at = to_timestamp(0) FROM peer WHERE peer.origin = origin.name AND origin.heard_at IS NULL
"""
# A time from the future was heard under a clock of ours that ran ahead: a peer that is silent would seem fresh for as long.
_HEARD_AHEAD: Final = """
UPDATE origin SET heard_at = $1 FROM peer WHERE peer.origin = origin.name AND origin.heard_at > $2
"""
# The time is compared again under the lock: a peer that was heard meanwhile keeps what it has.
_LOCK: Final = "SELECT true FROM origin WHERE id = $1 AND heard_at = $2 FOR UPDATE"
# The attempt is counted: a fetch of bodies that is under way is refused, and asks again from the beginning.
_ASK_AGAIN: Final = """
UPDATE peer_log SET bodies_size = 0, attempts = attempts + 1 WHERE id = $1 AND bodies_size <> 0
"""
_DELETE: Final = """
DELETE FROM {table} WHERE place = ANY(ARRAY(
    SELECT place FROM {table} WHERE place >= $1 AND place < $2 ORDER BY place LIMIT $3))
"""
_LEASED_TABLES: Final = ("peer_statement", "peer_missing")


class Silence(msgspec.Struct, frozen=True):
    """A silence as it was seen: since the last word `heard_at`, on `days` days, the last one at `seen_at`, by our clock."""

    heard_at: datetime
    seen_at: datetime
    days: int


class SilentPeer(msgspec.Struct, frozen=True):
    """A peer whose mappings are hidden, as it was not heard from. `number` is that of its origin, `log` of its log."""

    number: int
    origin: str
    heard_at: datetime
    log: int
    silence: Silence | None


class PeerLeaseStore:
    """Trusted: whoever can change these rows can have what peers said deleted, or kept for too long."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def hide_unheard(self) -> None:
        """Has peers that were never heard from stay hidden until they are."""
        async with self._database.connection() as connection:
            await connection.execute(_HIDE_UNHEARD)

    async def correct_ahead(self, now: datetime) -> None:
        """Has peers that were heard in what is now the future count as heard now."""
        async with self._database.connection() as connection:
            await connection.execute(_HEARD_AHEAD, now, now + MAX_AHEAD)

    async def find_silent(self, heard_before: datetime) -> list[SilentPeer]:
        """Finds the peers that were last heard from before a time."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SILENT, heard_before)
        return [
            SilentPeer(
                row["id"],
                row["name"],
                row["heard_at"],
                row["log"],
                None if row["days"] is None else Silence(row["silent_since"], row["seen_at"], row["days"]),
            )
            for row in rows
        ]

    async def record_silence(self, origin: str, silence: Silence) -> None:
        """Records a silence as it was seen last."""
        async with self._database.connection() as connection:
            await connection.execute(_RECORD, origin, silence.heard_at, silence.seen_at, silence.days)

    async def purge_step(self, peer: SilentPeer, limit: int) -> int:
        """Deletes at most `limit` mappings and bodies of a peer that is still as silent, in one transaction.

        Its bodies are asked for again once it returns. Returns how many rows went; 0 where none are left, or it was heard.
        """
        async with self._database.transaction() as connection:
            if not await connection.fetchval(_LOCK, peer.number, peer.heard_at):
                return 0
            await connection.execute(_ASK_AGAIN, peer.log)
            gone = await let_go_of_origin(connection, peer.number, limit)
            for table in _LEASED_TABLES:
                done = await connection.execute(_DELETE.format(table=table), *peer_places(peer.log), limit)
                gone += int(done.rpartition(" ")[2])
        return gone
