"""Locks that a session of the database holds, for as long as a process does what one alone may do.

They end with the session. So the server has to notice when nobody is at the other end of it any more: it asks a silent network
for half a minute (`_NOTICES`), where a system's own setting is two hours. A process that is stopped answers a network all the
same: where the holder asks something all the time, the server ends its session once it has been silent for too long.
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
_SILENCE: Final = ("idle_session_timeout", "idle_in_transaction_session_timeout")
_RESET_SILENCE: Final = "; ".join(f"RESET {name}" for name in _SILENCE)
_SET: Final = (
    "SELECT set_config(wanted.name, wanted.value, false)"
    " FROM unnest($1::text[], $2::text[]) AS wanted (name, value) JOIN pg_settings USING (name)"
)


async def try_session_lock(connection: Connection, key: int, *, silent_s: float | None = None) -> bool:
    """Takes a lock until `release_session_lock`. Returns False where another session holds it.

    `silent_s`: how long the holder may ask nothing. After that its connection fails, and another may hold the lock: so it
    is for those whose work is safe without the lock.
    """
    try:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", key):
            return False
        await _set(connection, _NOTICES)
        if silent_s is not None:
            await _set(connection, dict.fromkeys(_SILENCE, str(round(silent_s * 1000))))
    except BaseException:
        # Also where the answer was not read: it may be granted.
        await release_session_lock(connection, key)
        raise
    return True


async def release_session_lock(connection: Connection, key: int) -> None:
    """Releases a lock. Where that fails, it ends the connection: a pool would keep it, and the lock."""
    try:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", key)
            await connection.execute(_RESET_SILENCE)
    except (OSError, *DRIVER_TROUBLE):
        _end(connection)
    except BaseException:
        # Who was stopped meanwhile does not know how far it came.
        _end(connection)
        raise


def _end(connection: Connection) -> None:
    with suppress(asyncpg.InterfaceError):  # the pool may have noticed, and taken it back
        connection.terminate()


async def _set(connection: Connection, settings: dict[str, str]) -> None:
    await connection.execute(_SET, list(settings), list(settings.values()))
