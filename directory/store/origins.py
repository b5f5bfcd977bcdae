"""The origins of mappings as rows, and how they stand."""

from datetime import datetime

from directory.origins import Origin, Standing
from directory.store.database import Database


class OriginStore:
    """Trusted: whoever can change these rows decides whom this instance believes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_origin(self, name: str) -> Origin | None:
        """Finds an origin by its name. Returns None where nothing was ever taken in from it."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                "SELECT name, standing, heard_at FROM origin WHERE name = $1", name
            )
        return Origin(row["name"], Standing(row["standing"]), row["heard_at"]) if row is not None else None

    async def change_standing(self, name: str, before: Standing, after: Standing) -> bool:
        """Changes a standing, if it is still what the caller saw. Rewrites no mapping. Returns whether it was."""
        async with self._database.connection() as connection:
            changed = await connection.fetchval(
                "UPDATE origin SET standing = $3 WHERE name = $1 AND standing = $2 RETURNING true",
                name,
                before.value,
                after.value,
            )
        return bool(changed)

    async def record_heard(self, name: str, at: datetime) -> None:
        """Records the time of an origin's last fresh checkpoint; an older one changes nothing."""
        async with self._database.connection() as connection:
            await connection.execute(
                "UPDATE origin SET heard_at = $2 WHERE name = $1 AND (heard_at IS NULL OR heard_at < $2)",
                name,
                at,
            )
