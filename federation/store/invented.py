"""Invented people in our own log: marked by their evidence, as every row of this origin looks alike otherwise."""

from directory.mapping_life import Move
from directory.store.database import Connection
from directory.store.mapping_conditions import in_states_before
from directory.store.mapping_rows import withdraw

WITHDRAW_CHUNK_ROWS = 20_000


async def withdraw_invented(connection: Connection, origin: str) -> int:
    """Withdraws some of them; returns how many. Repeat while it returns any: then the log has to revoke them."""
    rows = await connection.fetch(
        "SELECT m.id FROM mapping m WHERE m.origin = (SELECT id FROM origin WHERE name = $1)"
        f' AND {in_states_before(Move.WITHDRAW)} AND m.evidence::text LIKE \'%"kind":"demo"%\' LIMIT $2',
        origin,
        WITHDRAW_CHUNK_ROWS,
    )
    await withdraw(connection, [row["id"] for row in rows])
    return len(rows)
