"""How often one log may speak of one X account. The caller holds a transaction.

A look-up reads all that is said of an account. An honest log says it once for each network, and twice while one wording
replaces another; without this limit, one that says it a million times would stop the look-ups of all.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import structlog

from directory.mappings import Mapping
from directory.store.copying import few_at_a_time
from directory.store.database import Connection
from directory.store.mapping_conditions import IS_ACTIVE

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

log = structlog.get_logger(__name__)


async def without_crowds(
    connection: Connection, origin: int, said: Sequence[tuple[int, Mapping]]
) -> list[tuple[int, Mapping]]:
    """Returns what may be taken in of what a log says: the first `MAX_OF_ONE_ACCOUNT` of each X account, beside those that
    answer already."""
    ids, handles = set[int](), set[str]()
    async for _, mapping in few_at_a_time(said):
        handles.add(mapping.x_handle.key)
        if mapping.x_id is not None:
            ids.add(mapping.x_id.value)
    by_id = Counter(dict(map(tuple, await connection.fetch(_BY_ID, origin, ids))))
    by_handle = Counter(dict(map(tuple, await connection.fetch(_BY_HANDLE, origin, handles))))
    taken = []
    async for leaf, mapping in few_at_a_time(said):
        number, key = None if mapping.x_id is None else mapping.x_id.value, mapping.x_handle.key
        if max(by_id[number], by_handle[key]) >= MAX_OF_ONE_ACCOUNT:
            continue
        if number is not None:
            by_id[number] += 1
        by_handle[key] += 1
        taken.append((leaf, mapping))
    if len(taken) < len(said):
        log.warning("a peer says of one account more than is taken in", left_out=len(said) - len(taken))
    return taken
