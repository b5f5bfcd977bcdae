"""Counts what several instances on one machine have published and taken in, for who tries them out. Reads alone."""

from directory.store.database import Connection, Database
from directory.store.mapping_conditions import IS_ACTIVE


async def count_published(database: Database) -> int:
    """Counts the mappings that the log of this database has published and that answer."""
    async with database.connection() as connection:
        return int(
            await connection.fetchval(
                f"SELECT count(*) FROM mapping m JOIN origin o ON o.id = m.origin JOIN log_state l ON l.origin = o.name"
                f" WHERE {IS_ACTIVE}"
            )
        )


async def count_answering(database: Database) -> int:
    """Counts the mappings that were taken in, of this and of other logs."""
    async with database.connection() as connection:
        return int(await connection.fetchval(f"SELECT count(*) FROM mapping m WHERE {IS_ACTIVE}"))


async def find_published_name(connection: Connection, origin: str) -> str:
    """Returns the X handle of somebody whom a log has published."""
    return str(
        await connection.fetchval(
            f"SELECT m.x_handle FROM mapping m JOIN origin o ON o.id = m.origin WHERE o.name = $1 AND {IS_ACTIVE}"
            " ORDER BY m.leaf LIMIT 1",
            origin,
        )
    )
