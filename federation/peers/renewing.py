"""Renews the lease of a round for as long as that runs, so that the lease of a process that was killed ends soon."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from directory.clock import Clock
from directory.errors import DirectoryUnavailable
from directory.store.database import Database
from directory.store.leases import Lease
from federation.store.peer_logs import renew

EVERY_S: Final = 15.0
"""A quarter of the lease: a database that is away for half a minute loses nobody's."""

log = structlog.get_logger(__name__)


@asynccontextmanager
async def renewed(
    database: Database, clock: Clock, lease: Lease, every_s: float = EVERY_S
) -> AsyncIterator[None]:
    """Renews a lease beside the block. It is not renewed once it was lost, or the block has ended."""
    renewing = asyncio.create_task(_renew(database, clock, lease, every_s), name="lease of a peer's log")
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.wait({renewing})


async def _renew(database: Database, clock: Clock, lease: Lease, every_s: float) -> None:
    is_held = True
    while is_held:
        await asyncio.sleep(every_s)
        try:
            async with database.connection() as connection:
                is_held = await renew(connection, lease, clock.now())
        except DirectoryUnavailable as error:
            log.warning("the lease of a peer's log was not renewed", reason=str(error))
        except Exception:
            # One error must not be the last renewal: another process would read the same beside this one.
            log.exception("the lease of a peer's log was not renewed after a fault")
