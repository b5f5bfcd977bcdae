"""Rewrites the tables that erased people stood in, so that nothing of them is left in free space of the files."""

from typing import Final

from directory.store.database import Database

TABLES: Final = ("log_statement", "mapping")
MAX_REWRITE_BYTES: Final = 256 * 1024 * 1024
"""Rewriting locks the table: that is two or three seconds at this size. Larger ones are left to the operator."""


async def rewrite_tables(database: Database, max_bytes: int = MAX_REWRITE_BYTES) -> list[str]:
    """Rewrites the small ones; vacuums the others, whose free space is used again in time, and names them."""
    left: list[str] = []
    async with database.connection() as connection:
        for table in TABLES:
            size = await connection.fetchval("SELECT pg_total_relation_size($1::regclass)", table)
            is_small = int(size) <= max_bytes
            await connection.execute(f"VACUUM ({'FULL, ' if is_small else ''}ANALYZE) {table}", timeout=None)
            if not is_small:
                left.append(table)
    return left
