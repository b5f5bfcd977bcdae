"""Opens the database for commands that do one thing and end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from deploy.database import running_database
from deploy.settings_file import own_settings
from deploy.wiring.instance import build_lookup, migrated_database
from directory.clock import SystemClock
from directory.services.lookup import Lookup
from directory.settings import Settings
from directory.store.database import Database

T = TypeVar("T")
CONNECTIONS = 2


def with_database(work: Callable[[Settings, Database], Awaitable[T]]) -> T:
    """Runs `work` with the database of the settings, which is started if need be."""
    settings = own_settings()

    async def run(dsn: str) -> T:
        async with migrated_database(dsn, connections=CONNECTIONS) as database:
            return await work(settings, database)

    with running_database(settings) as dsn:
        return asyncio.run(run(dsn))


def with_lookup(work: Callable[[Lookup], Awaitable[T]]) -> T:
    """Runs `work` with the lookups."""
    return with_database(lambda settings, database: work(build_lookup(settings, database, SystemClock())))
