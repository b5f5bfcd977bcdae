"""How often one log may speak of one X account. The caller holds a transaction.

A look-up reads all that is said of an account. An honest log says it once for each network, and twice while one wording
replaces another; without this limit, one that says it a million times would stop the look-ups of all. What is left out
is known by its leaf, and asked for again once there is room: it may be the one that stands.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import structlog

from directory.mappings import Mapping
from directory.store.copying import few_at_a_time
from directory.store.database import Connection
from directory.store.mapping_conditions import IS_ACTIVE
from directory.store.mapping_rows import Freed

MAX_OF_ONE_ACCOUNT: Final = 16
"""Mappings of one log that answer for one X id, and for one X handle."""

# One look into the index for each account, whatever the planner knows of a table that is being filled. The origin stands
# in the filter, as its own index would read the whole log.
_COUNTED: Final = """
SELECT said.key, counted.here FROM unnest($2::{kind}[]) AS said (key) CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE m.origin = $1) AS here FROM mapping m WHERE m.{column} = said.key AND {is_active}
) AS counted WHERE counted.here > 0
"""
_BY_ID: Final = _COUNTED.format(kind="bigint", column="x_id", is_active=IS_ACTIVE)
_BY_HANDLE: Final = _COUNTED.format(kind="text", column="x_handle_key", is_active=IS_ACTIVE)
_LEAVE_OUT: Final = """
INSERT INTO left_out (origin, leaf, x_id, x_handle_key)
SELECT $1, said.* FROM unnest($2::bigint[], $3::bigint[], $4::text[]) AS said ON CONFLICT (origin, leaf) DO NOTHING
"""
_OF_ACCOUNT: Final = (
    "SELECT o.leaf FROM left_out o WHERE o.origin = $1 AND o.{column} = freed.{column}"
    f" ORDER BY o.leaf DESC LIMIT {MAX_OF_ONE_ACCOUNT}"
)
# The newest ones: an older wording is revoked after the one that replaces it.
_LET_IN: Final = f"""
WITH found AS (
    SELECT DISTINCT o.leaf FROM unnest($2::bigint[], $3::text[]) AS freed (x_id, x_handle_key)
    CROSS JOIN LATERAL (
        ({_OF_ACCOUNT.format(column="x_id")}) UNION ALL ({_OF_ACCOUNT.format(column="x_handle_key")})
    ) AS o
)
DELETE FROM left_out o USING found WHERE o.origin = $1 AND o.leaf = found.leaf RETURNING o.leaf
"""

log = structlog.get_logger(__name__)


async def without_crowds(
    connection: Connection, origin: int, said: Sequence[tuple[int, Mapping]]
) -> list[tuple[int, Mapping]]:
    """Returns what may be taken in of what a log says: the first `MAX_OF_ONE_ACCOUNT` of each X account, beside those that
    answer already. Keeps the leaves of the others, until `let_in` finds room for them."""
    ids, handles = set[int](), set[str]()
    async for _, mapping in few_at_a_time(said):
        handles.add(mapping.x_handle.key)
        if mapping.x_id is not None:
            ids.add(mapping.x_id.value)
    by_id = Counter(dict(map(tuple, await connection.fetch(_BY_ID, origin, ids))))
    by_handle = Counter(dict(map(tuple, await connection.fetch(_BY_HANDLE, origin, handles))))
    taken, others = [], list[tuple[int, int | None, str]]()
    async for leaf, mapping in few_at_a_time(said):
        number, key = None if mapping.x_id is None else mapping.x_id.value, mapping.x_handle.key
        if max(by_id[number], by_handle[key]) >= MAX_OF_ONE_ACCOUNT:
            others.append((leaf, number, key))
            continue
        if number is not None:
            by_id[number] += 1
        by_handle[key] += 1
        taken.append((leaf, mapping))
    if others:
        await connection.execute(_LEAVE_OUT, origin, *zip(*others, strict=True))
        log.warning("a peer says of one account more than is taken in", left_out=len(others))
    return taken


async def let_in(connection: Connection, origin: int, freed: Sequence[Freed]) -> list[int]:
    """Returns the leaves that were left out of accounts of which mappings were let go, and forgets that they were: they are
    to be asked for again. As many of each account as may answer; what finds no room is left out again."""
    if not freed or not await _has_left_out(connection, origin):
        return []
    ids, handles = zip(*freed, strict=True)
    return sorted(row[0] for row in await connection.fetch(_LET_IN, origin, ids, handles))


async def forget_left_out(connection: Connection, origin: int, leaves: Sequence[int]) -> None:
    """Forgets leaves that were left out, and that say nothing any more."""
    if await _has_left_out(connection, origin):
        sql = "DELETE FROM left_out WHERE origin = $1 AND leaf = ANY($2::bigint[])"
        await connection.execute(sql, origin, leaves)


async def forget_left_out_from(connection: Connection, origin: int, leaf: int) -> None:
    """Forgets the leaves from `leaf` on that were left out."""
    await connection.execute("DELETE FROM left_out WHERE origin = $1 AND leaf >= $2", origin, leaf)


async def _has_left_out(connection: Connection, origin: int) -> bool:
    return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM left_out WHERE origin = $1)", origin))
