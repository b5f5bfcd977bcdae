"""Locks of a session: a connection goes back to its pool without them."""

import asyncio

from directory.store.database import Database
from directory.store.session_locks import release_session_lock, try_session_lock

LOCK = 17


async def test_who_is_stopped_while_a_lock_is_granted_or_released_leaves_none_in_the_pool(dsn: str) -> None:
    """The server had granted it, and the answer was not read: the connection went back with the lock, and nobody led any more."""
    database, others = [await Database.connect(dsn, max_connections=1) for _ in range(2)]

    async def lead() -> None:
        async with database.connection() as connection:
            if await try_session_lock(connection, LOCK):
                await release_session_lock(connection, LOCK)

    for turns in range(60):
        leading = asyncio.create_task(lead())
        for _ in range(turns):
            await asyncio.sleep(0)
        leading.cancel()
        await asyncio.gather(leading, return_exceptions=True)
        async with others.connection() as connection:
            async with asyncio.timeout(5):  # a connection that was ended is gone at the server a moment later
                while not await try_session_lock(connection, LOCK):  # noqa: ASYNC110 - it is in the database
                    await asyncio.sleep(0.01)
            await release_session_lock(connection, LOCK)
    await others.close()
    await database.close()
