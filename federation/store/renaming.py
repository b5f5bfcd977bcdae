"""Puts a log that was only tried out away, so that its people can be said under another name."""

from directory.store.database import Connection
from directory.store.mapping_rows import ensure_origin, say_anew


async def put_log_away(connection: Connection, old: str, new: str) -> int:
    """Deletes the log `old`; what it said waits to be said by `new`. Returns how much that is. The caller holds a
    transaction."""
    await connection.execute("TRUNCATE log_state, log_tile, log_statement, log_operations, proof_link")
    before, after = await ensure_origin(connection, old), await ensure_origin(connection, new)
    return await say_anew(connection, before, after)
