"""Opens the services of members for commands that do one thing and end. No job runs meanwhile."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from deploy.cli.session import with_database
from deploy.wiring.members import MemberParts, open_members
from deploy.wiring.vault import open_secrets
from directory.clock import SystemClock
from directory.settings import Settings
from directory.store.database import Database
from directory.vault import Vault

T = TypeVar("T")


def with_members(work: Callable[[MemberParts], Awaitable[T]]) -> T:
    """Runs `work` with the services of members."""

    async def run(settings: Settings, database: Database) -> T:
        async with open_members(settings, database, SystemClock()) as members:
            return await work(members)

    return with_database(run)


def with_vault(work: Callable[[Vault, Database], Awaitable[T]]) -> T:
    """Runs `work` with the vault, and the database that holds what is sealed under it."""

    async def run(settings: Settings, database: Database) -> T:
        secrets = await open_secrets(settings, database, SystemClock())
        return await work(secrets.vault, database)

    return with_database(run)
