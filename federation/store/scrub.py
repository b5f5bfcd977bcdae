"""Rewrites the tables that held erased people, so that nothing of them is left in the files, and ends the
write-ahead log that holds them as well."""

import asyncio
from typing import Final

import asyncpg

from directory.store.database import Connection, Database

PUBLIC_TABLES: Final = (
    "log_tile",
    "log_revoke",
    "log_operations",
    "log_state",
    "log_cosignature",
    "peer_bundle",
    "peer_revoke",
    "peer_document",
    "peer_evidence",
    "peer_witnessed",
    "migration",
)
"""Not rewritten: their rows are not about one person, or are never erased."""
STATISTICS: Final = "pg_catalog.pg_statistic"
"""PostgreSQL's samples of columns. A replaced sample stays in it as a dead row, as in any table."""
MAX_REWRITE_BYTES: Final = 256 * 1024 * 1024
"""Rewriting locks the table, for two or three seconds at this size. Larger ones are left to the operator."""
LOCK_TIMEOUT_S: Final = 1
"""For the lock of a table: whoever wants to read it waits behind us for as long."""
TRIES: Final = 10
TRY_AGAIN_S: Final = 60.0

_TABLES: Final = (
    "SELECT oid::regclass::text AS name, pg_total_relation_size(oid) AS size FROM pg_class"
    " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND NOT relname = ANY($1) ORDER BY relname"
)

_CAN_FORGET: Final = "SELECT to_regproc('pg_clear_attribute_stats') IS NOT NULL"
_FORGET: Final = (
    "SELECT pg_clear_attribute_stats('public', tablename::text, attname::text, inherited)"
    " FROM pg_stats WHERE schemaname = 'public' AND tablename = $1"
)


async def rewrite_tables(database: Database, max_bytes: int = MAX_REWRITE_BYTES) -> list[str]:
    """Rewrites the small tables; vacuums the others, whose free space is used again in time. Returns the names of those, and
    of the ones that somebody held all the while: a backup, or a long query."""
    async with database.connection() as connection:
        rows = await connection.fetch(_TABLES, PUBLIC_TABLES)
        sizes: dict[str, int] = {row["name"]: row["size"] for row in rows}
        await connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT_S} s'")
        try:
            large = [table for table, size in sizes.items() if size > max_bytes]
            for table in large:
                await _try_vacuum(connection, f"VACUUM (ANALYZE) {table}")
            small = [table for table in sizes if table not in large]
            return large + await _rewrite_all(connection, [*small, STATISTICS])
        finally:
            await connection.execute("RESET lock_timeout")


async def _rewrite_all(connection: Connection, tables: list[str]) -> list[str]:
    """Returns the names of the tables that somebody held at each try."""
    held = tables
    for attempt in range(TRIES):
        if attempt:
            await asyncio.sleep(TRY_AGAIN_S)
        held = [table for table in held if not await _rewrite(connection, table)]
        if not held:
            break
    return held


async def _rewrite(connection: Connection, table: str) -> bool:
    """Returns False where somebody held the table."""
    if table == STATISTICS:
        return await _try_vacuum(connection, f"VACUUM (FULL) {table}")
    if not await _try_vacuum(connection, f"VACUUM (FULL, ANALYZE) {table}"):
        return False
    await _forget_samples_of_nothing(connection, table)
    return True


async def _try_vacuum(connection: Connection, sql: str) -> bool:
    try:
        await connection.execute(sql, timeout=None)
    except asyncpg.LockNotAvailableError:
        return False
    return True


async def _forget_samples_of_nothing(connection: Connection, table: str) -> None:
    """Clears the samples of an empty table, which ANALYZE keeps. Does nothing before PostgreSQL 18."""
    if await connection.fetchval(_CAN_FORGET) and not await connection.fetchval(
        f"SELECT EXISTS (SELECT FROM {table})"
    ):
        await connection.execute(_FORGET, table)


async def end_write_ahead_log(database: Database) -> bool:
    """Ends the write-ahead log so far. Returns False where our role may not: the server recycles it in time."""
    async with database.connection() as connection:
        try:
            await connection.execute("CHECKPOINT", timeout=None)
            await connection.execute("SELECT pg_switch_wal()")
            await connection.execute("CHECKPOINT", timeout=None)
        except asyncpg.InsufficientPrivilegeError:
            return False
    return True
