"""Invented people in our own log: marked by their evidence, as every row of this origin looks alike otherwise."""

from directory.store.database import Connection
from directory.store.publication_rows import end_mappings

WITHDRAW_CHUNK_ROWS = 20_000


async def withdraw_invented(connection: Connection, origin: str) -> int:
    """Withdraws some of them; returns how many. Repeat while it returns any: then the log has to revoke them."""
    rows = await connection.fetch(
        "SELECT m.id FROM mapping m WHERE m.origin = (SELECT id FROM origin WHERE name = $1)"
        ' AND m.state IN (0, 1, 3) AND m.evidence::text LIKE \'%"kind":"demo"%\' LIMIT $2',
        origin,
        WITHDRAW_CHUNK_ROWS,
    )
    await end_mappings(connection, [row["id"] for row in rows])
    return len(rows)
