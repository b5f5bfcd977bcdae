"""Withdraws invented people from our own log. Only their evidence marks them among the rows of this origin."""

from directory.mapping_life import Move
from directory.store.database import Connection
from directory.store.mapping_conditions import in_states_before
from directory.store.mapping_rows import withdraw_mappings

WITHDRAW_CHUNK_ROWS = 20_000


async def withdraw_invented(connection: Connection, origin: str) -> int:
    """Withdraws some of them, which the log has then to revoke. Returns how many: repeat until it returns 0."""
    rows = await connection.fetch(
        "SELECT m.id FROM mapping m WHERE m.origin = (SELECT id FROM origin WHERE name = $1)"
        f' AND {in_states_before(Move.WITHDRAW)} AND m.evidence::text LIKE \'%"kind":"demo"%\' LIMIT $2',
        origin,
        WITHDRAW_CHUNK_ROWS,
    )
    await withdraw_mappings(connection, [row["id"] for row in rows])
    return len(rows)
