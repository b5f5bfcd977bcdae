"""Opens what commands about peers need, for commands that do one thing and end."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from deploy.cli.session import with_database
from deploy.wiring.peers import build_peering
from directory.clock import SystemClock
from directory.networks.http import GuardedClient, user_agent
from directory.settings import Settings
from directory.store.database import Database
from federation.peers.peering import Peering

T = TypeVar("T")


def with_peering(work: Callable[[Peering], Awaitable[T]]) -> T:
    """Runs `work` with what operators take up peers with."""
    return with_peering_beside(lambda peering, *_: work(peering))


def with_peering_beside(
    work: Callable[[Peering, Settings, Database, GuardedClient], Awaitable[T]],
) -> T:
    """As `with_peering`, for work that needs the database and the client as well."""

    async def run(settings: Settings, database: Database) -> T:
        agent = user_agent(settings.base_url)
        async with GuardedClient(agent, allow_loopback=settings.allow_loopback) as http:
            return await work(
                build_peering(settings, database, SystemClock(), http), settings, database, http
            )

    return with_database(run)
