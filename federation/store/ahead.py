"""Our own mappings that were issued in the future, while a clock ran ahead."""

from datetime import datetime
from typing import Final
from uuid import UUID

from directory.mappings import Mapping
from directory.store.accounts import plain_uuid
from directory.store.database import Connection
from directory.store.mapping_conditions import IS_ACTIVE, IS_PENDING
from directory.store.mapping_rows import store_pending, withdraw_mappings
from directory.store.mappings import mapping_of
from directory.store.publication_rows import restate_publication
from directory.store.staged_leaves import IS_STAGED

SCAN_TIMEOUT_S: Final = 3_600.0
_COLUMNS: Final = """
m.x_id, m.x_handle, m.network, m.target_id, m.target_handle, m.strength, m.evidence, $1::text AS origin, m.leaf, m.issued,
m.expires, 0 AS standing, m.is_contested, true AS answers_by_name, false AS is_stale, false AS is_checked
"""
_OF_OURS: Final = f"m.origin = (SELECT id FROM origin WHERE name = $1) AND (m.leaf IS NOT NULL OR {IS_STAGED}) AND ({IS_PENDING} OR {IS_ACTIVE})"
# What a newer wording replaces already ends with it.
_AHEAD: Final = f"""
SELECT m.id FROM mapping m WHERE {_OF_OURS} AND m.issued > $2
    AND NOT EXISTS (SELECT FROM publication p WHERE p.replaces = m.id) ORDER BY m.id
"""
_ONE: Final = f"SELECT m.id, {_COLUMNS} FROM mapping m WHERE {_OF_OURS} AND m.id = $2 FOR UPDATE OF m"


async def list_ahead(connection: Connection, origin: str, after: datetime) -> list[int]:
    """Lists the mappings of `origin` that have a leaf and were issued later than `after`, by row number."""
    rows = await connection.fetch(_AHEAD, origin, after, timeout=SCAN_TIMEOUT_S)
    return [row["id"] for row in rows]


async def lock_ahead(connection: Connection, origin: str, number: int) -> tuple[Mapping, UUID | None] | None:
    """Locks a mapping, its publication first, as members do. Returns both, or None where its member has changed or
    withdrawn it meanwhile. The caller holds a transaction."""
    held = await connection.fetch(
        "SELECT id, mapping FROM publication WHERE mapping = $1 OR replaces = $1 FOR UPDATE", number
    )
    row = await connection.fetchrow(_ONE, origin, number)
    if row is None or any(each["mapping"] != number for each in held):
        return None
    return mapping_of(tuple(row)[1:]), plain_uuid(held[0]["id"]) if held else None


async def say_again(connection: Connection, number: int, publication: UUID | None, mapping: Mapping) -> None:
    """Stores a mapping as pending in the place of the one with this row number, which the log has then to revoke."""
    if publication is not None:
        await restate_publication(connection, publication, mapping)
        return
    await store_pending(connection, mapping)
    await withdraw_mappings(connection, [number])
