"""Our own mappings and the log: what waits for a leaf, what is to be revoked, and what a new wording replaces.

Members lock their publication before its mapping. The fetches here skip locked rows: their members are changing
them, and the next batch takes them.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Leaves
from datetime import datetime
from typing import Final

import asyncpg

from directory.mappings import Mapping
from directory.origins import Standing
from directory.store.database import Connection
from directory.store.mapping_conditions import IS_ACTIVE, IS_NOT_HIDDEN, IS_PENDING, IS_WITHDRAWN
from directory.store.mapping_rows import withdraw_mappings
from directory.store.mappings import mapping_of
from directory.store.staged_leaves import IS_STAGED
from federation.protocol.entry import RevokeReason

RowVersion = tuple[int, tuple[int, int]]
"""Which transaction wrote a row as it is now, and where it stands. To lock a row does not change it; any other write does."""
ALL_ROWS: Final = range(2**63 - 1)

_OF_ORIGIN: Final = "m.origin = (SELECT id FROM origin WHERE name = $1)"
# A hidden mapping is not published, nor its new wording, until the hide is lifted.
_WAITS: Final = f"{IS_PENDING} AND {_OF_ORIGIN} AND m.expires > $2 AND {IS_NOT_HIDDEN}"
_HAS_NO_LEAF: Final = f"m.leaf IS NULL AND NOT {IS_STAGED}"
_OURS: Final = Standing.FOLLOWING.value
_VERSION: Final = "m.xmin, m.ctid"
_WAITING: Final = f"""
SELECT m.id, {_VERSION}, m.x_id, m.x_handle, m.network, m.target_id, m.target_handle, m.strength, m.evidence,
    m.issued, m.expires, m.is_contested
FROM mapping m WHERE {_WAITS} AND {_HAS_NO_LEAF} AND m.id >= $4 AND m.id < $5
ORDER BY m.id LIMIT $3
"""
_PENDING: Final = f"{_WAITING} FOR UPDATE OF m SKIP LOCKED"
# What is compared is what was locked: a condition on the version would be judged before a row is waited for, or read again.
_LOCK_AS_READ: Final = f"""
SELECT m.id, {_VERSION} FROM mapping m WHERE {_WAITS} AND {_HAS_NO_LEAF} AND m.id = ANY($3::bigint[])
ORDER BY m.id FOR UPDATE OF m SKIP LOCKED
"""
_IS_ENDED: Final = f"{IS_WITHDRAWN} AND m.leaf IS NOT NULL AND {_OF_ORIGIN}"
# Not by its salt and body: where these are lost, the leaf holds for everybody else all the same.
_IS_UNREVOKED: Final = f"{_IS_ENDED} AND NOT EXISTS (SELECT FROM log_revoke r WHERE r.target = m.leaf)"
TRUE_REASON: Final = (
    f"coalesce(s.ended, CASE WHEN m.expires <= $2 THEN {RevokeReason.LAPSED.value}"
    f" ELSE {RevokeReason.WITHDRAWN.value} END)"
)
"""Why the withdrawn mapping `m` ended, whose body is `s`; $2 is the time."""
_REVOCABLE: Final = f"""
SELECT m.leaf, {TRUE_REASON} AS reason
FROM mapping m LEFT JOIN log_statement s ON s.leaf = m.leaf
WHERE {_IS_UNREVOKED} ORDER BY m.leaf LIMIT $3
"""
_HAS_WORK: Final = f"""
SELECT NOT EXISTS (SELECT FROM log_state)
    OR EXISTS (SELECT FROM log_operations WHERE leaf IS NULL)
    OR EXISTS (SELECT FROM mapping m WHERE {_WAITS} AND {_HAS_NO_LEAF})
    OR EXISTS (SELECT FROM mapping m WHERE {_IS_UNREVOKED})
"""
_COUNT_WORK: Final = f"""
SELECT (SELECT count(*) FROM log_operations WHERE leaf IS NULL)
    + (SELECT count(*) FROM mapping m WHERE {_WAITS})
    + (SELECT count(*) FROM mapping m WHERE {_IS_ENDED})
"""
# Those few first, whatever the planner knows: it may not have heard yet how many mappings there are.
_REPLACED: Final = f"""
FROM mapping m JOIN publication p ON p.mapping = m.id
WHERE p.id = ANY(ARRAY(SELECT id FROM publication WHERE replaces IS NOT NULL)) AND p.replaces IS NOT NULL
    AND {_OF_ORIGIN} AND m.leaf >= $2 AND m.leaf < $3 AND {IS_ACTIVE}
"""
_ENDED: Final = f"""
SELECT m.leaf FROM mapping m JOIN log_revoke r ON r.target = m.leaf WHERE {_IS_ENDED} AND r.leaf < $2
"""


async def has_work(connection: Connection, origin: str, now: datetime) -> bool:
    """Tells, without a lock, whether a batch would have any entry."""
    return bool(await connection.fetchval(_HAS_WORK, origin, now))


async def count_work(connection: Connection, origin: str, now: datetime) -> int:
    """Counts the entries that wait to be appended, or to be taken in."""
    return int(await connection.fetchval(_COUNT_WORK, origin, now))


async def fetch_pending(
    connection: Connection, origin: str, now: datetime, limit: int, among: range
) -> list[asyncpg.Record]:
    """Fetches mappings that wait for a leaf, for `read_pending`, the oldest first, among the rows with these numbers. They
    are locked until the transaction ends."""
    return await connection.fetch(_PENDING, origin, now, limit, among.start, among.stop)


async def look_at_pending(
    connection: Connection, origin: str, now: datetime, limit: int, among: range
) -> list[asyncpg.Record]:
    """Fetches the same, and locks nothing: whoever stages them locks them by `lock_as_read`."""
    return await connection.fetch(_WAITING, origin, now, limit, among.start, among.stop)


def read_pending(rows: Iterable[asyncpg.Record], origin: str) -> list[tuple[int, Mapping]]:
    """Reads the mappings that wait for a leaf, with their row numbers."""
    return [
        (number, mapping_of((*said, origin, None, issued, expires, _OURS, is_contested, True, False, False)))
        for number, _, _, *said, issued, expires, is_contested in rows
    ]


def versions_of(rows: Iterable[asyncpg.Record]) -> dict[int, RowVersion]:
    """Reads the version of each row, by its number."""
    return {row[0]: (row[1], row[2]) for row in rows}


async def lock_as_read(
    connection: Connection, origin: str, now: datetime, read: Leaves[int, RowVersion]
) -> set[int]:
    """Locks those of the rows, by their numbers, that wait for a leaf still and are what they were when they were read.
    Returns their numbers. Others may be locked with them."""
    locked = versions_of(await connection.fetch(_LOCK_AS_READ, origin, now, list(read)))
    return {number for number, version in locked.items() if version == read[number]}


async def fetch_revocable(
    connection: Connection, origin: str, now: datetime, limit: int
) -> list[tuple[int, int]]:
    """Fetches leaves of withdrawn mappings that no entry revokes yet, each with its true reason."""
    rows = await connection.fetch(_REVOCABLE, origin, now, limit)
    return [(row["leaf"], row["reason"]) for row in rows]


async def fetch_ended(connection: Connection, origin: str, size: int) -> list[int]:
    """Fetches leaves of withdrawn mappings that an entry below `size` revokes, whether or not their bodies are there."""
    rows = await connection.fetch(_ENDED, origin, size)
    return [row["leaf"] for row in rows]


async def drop_unpublishable_mappings(connection: Connection, numbers: Sequence[int]) -> None:
    """Withdraws mappings that cannot be encoded as a statement, so that others are not kept waiting. A publication
    goes back to its former wording, or ends where it has none."""
    rows = await connection.fetch(
        "SELECT id, mapping FROM publication WHERE mapping = ANY($1::bigint[]) FOR UPDATE SKIP LOCKED",
        numbers,
    )
    publications = [row["id"] for row in rows]
    await connection.execute(
        "UPDATE publication SET mapping = replaces, replaces = NULL"
        " WHERE id = ANY($1::uuid[]) AND replaces IS NOT NULL",
        publications,
    )
    await connection.execute(
        "DELETE FROM publication WHERE id = ANY($1::uuid[]) AND mapping = ANY($2::bigint[])",
        publications,
        numbers,
    )
    held = await connection.fetch(
        "SELECT mapping FROM publication WHERE mapping = ANY($1::bigint[])", numbers
    )
    await withdraw_mappings(connection, sorted(set(numbers) - {row["mapping"] for row in held}))


async def end_replaced_wordings(connection: Connection, origin: str, first: int, end: int) -> bool:
    """Withdraws the former wordings of active mappings with leaves from `first` up to `end`.

    Returns False where one is left, since its member is changing it.
    """
    rows = await connection.fetch(
        f"SELECT p.id, p.replaces {_REPLACED} FOR UPDATE OF p SKIP LOCKED", origin, first, end
    )
    if rows:
        await _end_wordings(connection, origin, [(row["id"], row["replaces"]) for row in rows])
    return not await connection.fetchval(f"SELECT EXISTS (SELECT {_REPLACED})", origin, first, end)


async def _end_wordings(connection: Connection, origin: str, replaced: Sequence[tuple[object, int]]) -> None:
    numbers = [number for _, number in replaced]
    await connection.execute(
        "UPDATE log_statement SET ended = $3 WHERE leaf IN"
        f" (SELECT m.leaf FROM mapping m WHERE {_OF_ORIGIN} AND m.id = ANY($2::bigint[]))",
        origin,
        numbers,
        RevokeReason.REPLACED,
    )
    await connection.execute(
        "UPDATE publication SET replaces = NULL WHERE id = ANY($1::uuid[])",
        [publication for publication, _ in replaced],
    )
    await withdraw_mappings(connection, numbers)
