"""Faces: how accounts look that were found. Public, and kept for a day, whoever they were fetched for."""

from datetime import datetime, timedelta
from typing import Final

from directory.store.database import Database

KEEP_FACE: Final = timedelta(days=1)


async def purge_faces(database: Database, now: datetime, limit: int) -> int:
    """Deletes faces that were fetched more than a day ago. Returns how many."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "DELETE FROM face WHERE id = ANY(ARRAY(SELECT id FROM face WHERE fetched_at < $1 LIMIT $2))"
            " RETURNING true",
            now - KEEP_FACE,
            limit,
        )
    return len(rows)
