"""Puts a log that was only tried out away, so that its people can be said under another name."""

from typing import Final

from directory.store.database import Connection
from directory.store.mappings import ensure_origin

# 0 is MappingState.PENDING, 1 ACTIVE, 2 WITHDRAWN.
_FORGET_WITHDRAWN: Final = "DELETE FROM mapping WHERE origin = $1 AND state = 2"
_TAKE_OVER: Final = "UPDATE mapping SET origin = $2, leaf = NULL, state = CASE state WHEN 1 THEN 0 ELSE state END WHERE origin = $1"


async def put_log_away(connection: Connection, old: str, new: str) -> int:
    """Deletes the log `old`; what it said waits to be said by `new`. Returns how much that is. The caller holds a
    transaction."""
    await connection.execute("TRUNCATE log_state, log_tile, log_statement, log_operations, proof_link")
    before, after = await ensure_origin(connection, old), await ensure_origin(connection, new)
    await connection.execute(_FORGET_WITHDRAWN, before)
    done = await connection.execute(_TAKE_OVER, before, after)
    return int(done.rpartition(" ")[2])
