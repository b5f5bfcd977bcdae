"""The rows of `mapping` that our own log says: taken up pending, given a leaf, made to answer, forgotten.

Members hold the lock of their publication before that of its mapping. Nothing here waits for either: what is
locked is being changed by its member right now, and its turn comes at the next batch.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from directory.mappings import Mapping
from directory.store.database import Connection
from directory.store.mappings import mapping_of
from directory.store.publication_rows import end_mappings
from federation.protocol.entry import RevokeReason

# 0 is MappingState.PENDING, 1 ACTIVE, 2 WITHDRAWN, 3 HIDDEN.
_PENDING: Final = """
SELECT m.id, m.x_id, m.x_handle, m.network, m.target_id, m.target_handle, m.strength, m.evidence,
    $1::text AS origin, m.leaf, m.issued, m.expires, m.state
FROM mapping m WHERE m.state = 0 AND m.leaf IS NULL AND m.expires > $2
    AND m.origin = (SELECT id FROM origin WHERE name = $1)
ORDER BY m.id LIMIT $3 FOR UPDATE OF m SKIP LOCKED
"""
_WITH_LEAVES: Final = "m.origin = (SELECT id FROM origin WHERE name = $1) AND m.leaf >= $2 AND m.leaf < $3"


async def fetch_pending(
    connection: Connection, origin: str, now: datetime, limit: int
) -> list[tuple[int, Mapping]]:
    """Mappings that wait for a leaf, with their row numbers, the oldest first; locked until the transaction ends."""
    rows = await connection.fetch(_PENDING, origin, now, limit)
    return [(row[0], mapping_of(row[1:])) for row in map(tuple, rows)]


async def set_leaves(connection: Connection, leaves: Sequence[tuple[int, int]]) -> None:
    """Row number and leaf of each."""
    await connection.execute(
        "UPDATE mapping SET leaf = l.leaf FROM unnest($1::bigint[], $2::bigint[]) AS l (id, leaf)"
        " WHERE mapping.id = l.id",
        [number for number, _ in leaves],
        [leaf for _, leaf in leaves],
    )


async def hide(connection: Connection, numbers: Sequence[int]) -> None:
    """Takes out mappings that no log can say, so that others are not kept waiting."""
    await connection.execute(
        "UPDATE mapping SET state = 3 WHERE state = 0 AND id = ANY($1::bigint[])", numbers
    )


async def activate(connection: Connection, origin: str, first: int, end: int) -> bool:
    """Makes the mappings with leaves from `first` up to `end` answer, and ends what they replace.

    False: some were being changed, and want another try.
    """
    rows = await connection.fetch(
        f"SELECT m.id FROM mapping m WHERE {_WITH_LEAVES} AND m.state = 0 FOR UPDATE OF m SKIP LOCKED",
        origin,
        first,
        end,
    )
    await connection.execute(
        "UPDATE mapping SET state = 1 WHERE id = ANY($1::bigint[])", [row["id"] for row in rows]
    )
    await _end_replaced(connection, origin, first, end)
    return not await connection.fetchval(
        "SELECT EXISTS (SELECT FROM mapping m LEFT JOIN publication p ON p.mapping = m.id"
        f" WHERE {_WITH_LEAVES} AND (m.state = 0 OR p.replaces IS NOT NULL))",
        origin,
        first,
        end,
    )


async def _end_replaced(connection: Connection, origin: str, first: int, end: int) -> None:
    rows = await connection.fetch(
        "SELECT p.id, p.replaces FROM mapping m JOIN publication p ON p.mapping = m.id"
        f" WHERE {_WITH_LEAVES} AND m.state = 1 AND p.replaces IS NOT NULL FOR UPDATE OF p SKIP LOCKED",
        origin,
        first,
        end,
    )
    if not rows:
        return
    replaced = [row["replaces"] for row in rows]
    await connection.execute(
        "UPDATE log_statement SET ended = $2 WHERE leaf IN (SELECT leaf FROM mapping WHERE id = ANY($1::bigint[])"
        " AND origin = (SELECT id FROM origin WHERE name = $3))",
        replaced,
        RevokeReason.REPLACED,
        origin,
    )
    await connection.execute(
        "UPDATE publication SET replaces = NULL WHERE id = ANY($1::uuid[])", [row["id"] for row in rows]
    )
    await end_mappings(connection, replaced)


async def erase_revoked(connection: Connection, origin: str, size: int) -> int:
    """Deletes salt, body and mapping of the leaves that an entry below `size` revokes; returns how many."""
    rows = await connection.fetch("DELETE FROM log_statement WHERE revoked_by < $1 RETURNING leaf", size)
    await connection.execute(
        "DELETE FROM mapping WHERE state = 2 AND leaf = ANY($2::bigint[])"
        " AND origin = (SELECT id FROM origin WHERE name = $1)",
        origin,
        [row["leaf"] for row in rows],
    )
    return len(rows)
