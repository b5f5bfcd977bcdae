"""A short-lived look into the directory, for commands that ask something and end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from deploy.database import running_database
from deploy.wiring.instance import open_services
from directory.settings import load_settings
from web.services import Services

T = TypeVar("T")


def with_services(work: Callable[[Services], Awaitable[T]]) -> T:
    """Runs `work` with the services over the database of the settings, started if need be."""
    settings = load_settings()

    async def run(dsn: str) -> T:
        async with open_services(settings, dsn) as services:
            return await work(services)

    with running_database(settings) as dsn:
        return asyncio.run(run(dsn))
