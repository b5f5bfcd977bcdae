"""Deletes a log that was only tried out, so that its mappings can be published under another name."""

from directory.store.database import Connection
from directory.store.mapping_rows import ensure_origin, say_mappings_anew


async def put_log_away(connection: Connection, old: str, new: str) -> int:
    """Deletes the log `old`; its mappings become pending ones of `new`. Returns how many. The caller holds a
    transaction."""
    await connection.execute(
        "TRUNCATE log_state, log_doubt, log_cosignature, log_tile, log_statement, log_revoke, log_operations, proof_link"
    )
    before, after = await ensure_origin(connection, old), await ensure_origin(connection, new)
    return await say_mappings_anew(connection, before, after)


async def list_holding(connection: Connection) -> list[int]:
    """Lists the leaves of our own log that have a body and no revoke."""
    rows = await connection.fetch("SELECT leaf FROM log_statement WHERE revoked_by IS NULL ORDER BY leaf")
    return [row["leaf"] for row in rows]
