"""Locks that a session of the database holds, for as long as a process does what one alone may do.

They end with the session. So the server has to notice when nobody is at the other end of it any more: it asks a silent network
for half a minute (`_NOTICES`), where a system's own setting is two hours.
"""

from contextlib import suppress
from typing import Final

import asyncpg

from directory.store.database import DRIVER_TROUBLE, Connection

_NOTICES: Final = {
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""Over TCP alone; a socket of the same machine tells at once."""
_SET: Final = (
    "SELECT set_config(wanted.name, wanted.value, false)"
    " FROM unnest($1::text[], $2::text[]) AS wanted (name, value) JOIN pg_settings USING (name)"
)


async def try_session_lock(connection: Connection, key: int) -> bool:
    """Takes a lock until `release_session_lock`. Returns False where another session holds it."""
    await _set(connection, _NOTICES)
    return bool(await connection.fetchval("SELECT pg_try_advisory_lock($1)", key))


async def release_session_lock(connection: Connection, key: int) -> None:
    """Releases a lock. Where that fails, it ends the connection: a pool would keep it, and the lock."""
    try:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", key)
    except (OSError, *DRIVER_TROUBLE):
        with suppress(asyncpg.InterfaceError):  # the pool may have noticed, and taken it back
            connection.terminate()


async def _set(connection: Connection, settings: dict[str, str]) -> None:
    await connection.execute(_SET, list(settings), list(settings.values()))
