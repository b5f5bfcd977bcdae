"""Erases what was taken from a peer: its bodies and mappings, or everything. In steps, each of which is committed."""

from typing import Final

from directory.origins import Standing
from directory.store.database import Connection, Database
from directory.store.mapping_rows import find_origin_number, let_go_of_origin
from federation.protocol.peer_places import peer_places

STEP_ROWS: Final = 20_000
"""Rows that one statement deletes: a large peer takes minutes, and no statement may."""

# What moderators hid stays hidden, should the peer come back.
_DELETE_ORIGIN: Final = """
DELETE FROM origin o WHERE name = $1 AND NOT EXISTS (SELECT FROM mapping m WHERE m.origin = o.id)
    AND NOT EXISTS (SELECT FROM hide h WHERE h.origin = o.id)
"""
_OF_LOG: Final = ("peer_statement", "peer_missing", "peer_bundle", "peer_revoke")
_BODIES: Final = ("peer_statement", "peer_missing")


class PeerPurge:
    """Not trusted: it can only forget. Each call can be repeated, and goes on where one was interrupted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def purge_bodies(self, origin: str) -> int:
        """Deletes salts, bodies and mappings of a peer, after its log was set to ask for them anew. The tree stays.
        Returns how many mappings were deleted."""
        async with self._database.transaction() as connection:
            # The row is locked: a round that is under way stores nothing after this.
            log = await connection.fetchval(
                "UPDATE peer_log SET bodies_size = 0, attempts = attempts + 1 WHERE origin = $1 RETURNING id",
                origin,
            )
        if log is not None:
            await self._delete_of_log(log, _BODIES)
        return await self._delete_mappings(origin)

    async def purge_all(self, origin: str) -> int:
        """Deletes a peer and all that was read of its log. What stays: evidence against it, what moderators hid,
        and what our witness has cosigned of it, which it must never contradict. Returns how many mappings were deleted."""
        async with self._database.connection() as connection:
            log = await connection.fetchval("SELECT id FROM peer_log WHERE origin = $1", origin)
        count = await self.purge_bodies(origin)
        async with self._database.transaction() as connection:
            await connection.execute("DELETE FROM peer WHERE origin = $1", origin)
            await connection.execute(
                "UPDATE origin SET standing = $2, heard_at = NULL WHERE name = $1",
                origin,
                Standing.FOLLOWING.value,
            )
            await connection.execute(_DELETE_ORIGIN, origin)
        if log is not None:
            await self._delete_of_log(log, _OF_LOG)
        return count

    async def _delete_mappings(self, origin: str) -> int:
        count = 0
        while True:
            async with self._database.transaction() as connection:
                number = await find_origin_number(connection, origin)
                deleted = 0 if number is None else await let_go_of_origin(connection, number, STEP_ROWS)
            count += deleted
            if deleted < STEP_ROWS:
                return count

    async def _delete_of_log(self, log: int, tables: tuple[str, ...]) -> None:
        first, end = peer_places(log)
        for table in tables:
            while True:
                async with self._database.transaction() as connection:
                    deleted = await _delete_places(connection, table, first, end)
                if deleted < STEP_ROWS:
                    break


async def _delete_places(connection: Connection, table: str, first: int, end: int) -> int:
    return _count(
        await connection.execute(
            f"DELETE FROM {table} WHERE place IN"
            f" (SELECT place FROM {table} WHERE place >= $1 AND place < $2 ORDER BY place LIMIT $3)",
            first,
            end,
            STEP_ROWS,
        )
    )


def _count(status: str) -> int:
    """Returns how many rows a command tag tells, such as `DELETE 12`."""
    return int(status.rpartition(" ")[2])
