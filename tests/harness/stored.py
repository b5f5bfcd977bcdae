"""Stores mappings directly, for tests that are not about how they are taken in."""

from collections.abc import Iterable

from directory.mapping_life import MappingState
from directory.mappings import Mapping
from directory.store.database import Database
from directory.store.mapping_rows import ensure_origin
from directory.store.mappings import COPY_COLUMNS, MappingStore, row_of


class StoredMappings(MappingStore):
    """The product's store, with a method to fill it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.database = database

    async def add(self, mappings: Iterable[Mapping], state: MappingState = MappingState.ACTIVE) -> int:
        """Stores mappings in one state. Returns how many."""
        async with self.database.transaction() as connection:
            rows = [
                row_of(mapping, await ensure_origin(connection, mapping.origin), state, mapping.leaf)
                for mapping in mappings
            ]
            await connection.copy_records_to_table("mapping", records=rows, columns=COPY_COLUMNS)
        return len(rows)
