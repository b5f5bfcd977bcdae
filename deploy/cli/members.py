"""The services of members for commands that do one thing and end. No job runs meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from deploy.database import running_database
from deploy.migrate import migrate
from deploy.wiring.members import open_members, open_vault
from directory.clock import SystemClock
from directory.settings import load_settings
from directory.store.database import Database
from directory.vault import Vault
from web.member_services import MemberServices

T = TypeVar("T")
CONNECTIONS = 2


def with_members(work: Callable[[MemberServices], Awaitable[T]]) -> T:
    """Runs `work` with the services over the database of the settings."""
    settings, clock = load_settings(), SystemClock()

    async def run(database: Database) -> T:
        async with open_members(settings, database, clock) as (members, _):
            return await work(members)

    return _with_database(run)


def with_vault(work: Callable[[Vault, Database], Awaitable[T]]) -> T:
    """Runs `work` with the vault and the database that holds what is sealed in it."""
    settings, clock = load_settings(), SystemClock()

    async def run(database: Database) -> T:
        return await work(await open_vault(settings, database, clock), database)

    return _with_database(run)


def _with_database(work: Callable[[Database], Awaitable[T]]) -> T:
    async def run(dsn: str) -> T:
        await migrate(dsn)
        database = await Database.connect(dsn, max_connections=CONNECTIONS)
        try:
            return await work(database)
        finally:
            await database.close()

    with running_database(load_settings()) as dsn:
        return asyncio.run(run(dsn))
