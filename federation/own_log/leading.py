"""Leads in place of every sequencer, for a command that changes the log as a whole."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from directory.store.database import Connection
from directory.store.session_locks import release_session_lock, try_session_lock
from federation.errors import LogRefused
from federation.own_log.sequencer_task import LEADER_LOCK

LEAD_TRIES: Final = 60
LEAD_EVERY_S: Final = 0.5
"""An instance in doubt holds the lock while it asks its peers, for seconds at a time."""


@asynccontextmanager
async def leading(connection: Connection, tries: int = LEAD_TRIES) -> AsyncIterator[None]:
    """Keeps every sequencer from leading until the block ends. Raises LogRefused where one leads."""
    for _ in range(tries):
        if await try_session_lock(connection, LEADER_LOCK):
            break
        await asyncio.sleep(LEAD_EVERY_S)
    else:
        raise LogRefused("an instance is running on this database, and signs: stop it first")
    try:
        yield
    finally:
        await release_session_lock(connection, LEADER_LOCK)
