"""Rewrites the tables that erased people stood in, so that nothing of them is left in the files, and ends the
write-ahead log that told of them."""

from typing import Final

import asyncpg

from directory.store.database import Connection, Database

PUBLIC_TABLES: Final = ("log_tile", "log_operations", "log_state", "migration")
"""What stands here never was about one person, or never goes."""
STATISTICS: Final = "pg_catalog.pg_statistic"
"""PostgreSQL's samples of columns: a name that is sampled no more is a dead row here, as anywhere."""
MAX_REWRITE_BYTES: Final = 256 * 1024 * 1024
"""Rewriting locks the table: that is two or three seconds at this size. Larger ones are left to the operator."""

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
    """Rewrites the small ones; vacuums the others, whose free space is used again in time, and names them."""
    left: list[str] = []
    async with database.connection() as connection:
        for table, size in await connection.fetch(_TABLES, PUBLIC_TABLES):
            is_small = int(size) <= max_bytes
            await connection.execute(f"VACUUM ({'FULL, ' if is_small else ''}ANALYZE) {table}", timeout=None)
            if not is_small:
                left.append(table)
            await _forget_samples_of_nothing(connection, table)
        await connection.execute(f"VACUUM (FULL) {STATISTICS}", timeout=None)
    return left


async def _forget_samples_of_nothing(connection: Connection, table: str) -> None:
    """ANALYZE leaves the samples of a table as they are where it is empty by now. From PostgreSQL 18 on they can be
    told to go."""
    if await connection.fetchval(_CAN_FORGET) and not await connection.fetchval(
        f"SELECT EXISTS (SELECT FROM {table})"
    ):
        await connection.execute(_FORGET, table)


async def end_write_ahead_log(database: Database) -> bool:
    """Lets go of all that was written ahead so far. False where our role may not: then it goes in its time."""
    async with database.connection() as connection:
        try:
            await connection.execute("CHECKPOINT", timeout=None)
            await connection.execute("SELECT pg_switch_wal()")
            await connection.execute("CHECKPOINT", timeout=None)
        except asyncpg.InsufficientPrivilegeError:
            return False
    return True
