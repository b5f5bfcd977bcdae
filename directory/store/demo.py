"""Writes invented rows in bulk by COPY, and removes them by their origin."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Final

from directory.errors import DirectoryUnavailable
from directory.store.copying import copy_rows
from directory.store.database import Connection, Database
from directory.store.mapping_rows import ensure_origin
from directory.store.mappings import COPY_COLUMNS, MappingRow

REMOVE_CHUNK_ROWS: Final = 100_000
REMOVE_TIMEOUT_S: Final = 600.0


class DemoStore:
    """Writes only rows of demo origins, and removes only those."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def filling(self, origins: tuple[str, str]) -> AsyncIterator["DemoFilling"]:
        """Opens a transaction that adds rows: all of them stay, or none.

        Where the table is empty its indexes are created after the rows, which is several times faster.
        """
        async with self._database.transaction() as connection:
            numbers = [await ensure_origin(connection, origin, is_demo=True) for origin in origins]
            is_empty = not await connection.fetchval("SELECT EXISTS (SELECT FROM mapping)")
            definitions = await _drop_indexes(connection) if is_empty else []
            yield DemoFilling(connection, (numbers[0], numbers[1]))
            for definition in definitions:
                await connection.execute(definition, timeout=None)
        await self._tidy()

    async def _tidy(self) -> None:
        """Tells the planner of many new rows. The rows stay where this fails, on a full disk for instance: the server does
        it later."""
        with suppress(DirectoryUnavailable):
            async with self._database.connection() as connection:
                await connection.execute("VACUUM (ANALYZE) mapping", timeout=None)

    async def remove_rows(self) -> AsyncIterator[int]:
        """Removes all demo rows in chunks; yields how many each time. It can be broken off and repeated."""
        async with self._database.connection() as connection:
            while True:
                done = await connection.execute(
                    "DELETE FROM mapping WHERE id IN (SELECT mapping.id FROM mapping JOIN origin"
                    " ON origin.id = mapping.origin WHERE origin.is_demo LIMIT $1)",
                    REMOVE_CHUNK_ROWS,
                    timeout=REMOVE_TIMEOUT_S,
                )
                removed = int(done.rpartition(" ")[2])
                if not removed:
                    break
                yield removed
            await connection.execute("DELETE FROM origin WHERE is_demo")
        await self._tidy()

    async def is_present(self) -> bool:
        """Returns whether there are demo rows."""
        async with self._database.connection() as connection:
            return await has_demo_rows(connection)


class DemoFilling:
    """The open transaction of `DemoStore.filling`; `origins` are the row numbers of the demo's origins."""

    def __init__(self, connection: Connection, origins: tuple[int, int]) -> None:
        self._connection = connection
        self.origins = origins

    async def copy_rows(self, rows: Iterable[MappingRow]) -> None:
        """Adds rows by COPY."""
        await copy_rows(self._connection, "mapping", rows=rows, columns=COPY_COLUMNS)


async def has_demo_rows(connection: Connection) -> bool:
    """Returns whether there are demo rows, in a transaction of the caller's."""
    return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM origin WHERE is_demo)"))


async def _drop_indexes(connection: Connection) -> list[str]:
    """Drops the indexes that no constraint needs; returns the statements that create them again."""
    rows = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'mapping' AND schemaname = current_schema()"
        " AND indexname NOT IN (SELECT conname FROM pg_constraint WHERE conrelid = 'mapping'::regclass)"
    )
    for name, _ in rows:
        await connection.execute(f'DROP INDEX "{name}"')
    return [definition for _, definition in rows]
