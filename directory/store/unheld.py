"""Mappings of our own log that no publication holds: they came back with the log after the database was lost, and their
members with it. Whoever proves one of the two accounts anew takes them over."""

from collections.abc import Sequence
from typing import Final

from directory.mappings import Mapping
from directory.store.database import Connection
from directory.store.mapping_conditions import IS_ACTIVE
from directory.store.mapping_rows import withdraw_mappings
from directory.store.mappings import network_code

# By the number of the X account, which the publication has proven; or by the new account, which it has proven as well.
_FIND: Final = f"""
SELECT m.id, m.target_id = $2 AS is_same FROM mapping m
WHERE m.origin = (SELECT id FROM origin WHERE name = $1) AND {IS_ACTIVE} AND m.network = $3
    AND (m.x_id = $4 OR m.target_id = $2 AND m.x_handle_key = $5)
    AND NOT EXISTS (SELECT FROM publication p WHERE p.mapping = m.id)
    AND NOT EXISTS (SELECT FROM publication p WHERE p.replaces = m.id)
ORDER BY m.leaf DESC FOR UPDATE OF m
"""


async def take_over(connection: Connection, mapping: Mapping) -> int | None:
    """Takes over what nobody holds and says something of the same X account. The last one that says the same answers until
    `mapping` does; all others are withdrawn.

    Returns the row number of the former, which the publication of `mapping` replaces; None where there is none.
    """
    rows = await connection.fetch(
        _FIND,
        mapping.origin,
        str(mapping.target_id),
        network_code(mapping.network),
        mapping.x_id.value if mapping.x_id is not None else None,
        mapping.x_handle.key,
    )
    same: Sequence[int] = [row["id"] for row in rows if row["is_same"]]
    await withdraw_mappings(connection, [row["id"] for row in rows if row["id"] not in same[:1]])
    return same[0] if same else None
