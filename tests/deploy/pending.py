"""Pending mappings of people for a running instance, stored as their clicks would have been."""

import asyncio
from datetime import UTC, datetime, timedelta

from directory.mapping_life import MappingState
from directory.store.database import Database
from tests.harness.mappings import bluesky
from tests.harness.stored import StoredMappings


def add_pending(dsn: str, origin: str, count: int, *, ahead: timedelta = timedelta(0)) -> None:
    """Adds `count` people, as of now, or as a clock that runs ahead would have them."""
    asyncio.run(_add(dsn, origin, count, datetime.now(UTC).replace(microsecond=0) + ahead))


async def _add(dsn: str, origin: str, count: int, issued: datetime) -> None:
    database = await Database.connect(dsn, max_connections=1)
    try:
        async with database.connection() as connection:
            made = int(await connection.fetchval("SELECT count(*) FROM mapping"))
        await StoredMappings(database).add(
            [
                bluesky(
                    f"person{n}",
                    1_000 + n,
                    origin=origin,
                    issued=issued,
                )
                for n in range(made, made + count)
            ],
            MappingState.PENDING,
        )
    finally:
        await database.close()
