"""Counts over all mappings, made by one process at a time and kept for all of them."""

import time
from datetime import datetime
from typing import Final

import msgspec

from directory.mappings import Strength
from directory.origins import HIDDEN_AFTER
from directory.statistics import Statistics, sum_up
from directory.store.database import Connection, Database
from directory.store.mapping_conditions import IS_ACTIVE, IS_NOT_HIDDEN, holds_at, origin_answers
from directory.store.mappings import network_of_code

COUNT_TIMEOUT_S: Final = 3_600.0
COUNTING_LOCK: Final = 0x70617373_65726506

# Origins as an array: joined, PostgreSQL expects a thousandth of the rows, and sorts them all for each condition.
_ANSWERING: Final = (
    f"{IS_ACTIVE} AND {holds_at('$1')} AND {IS_NOT_HIDDEN}"
    f" AND m.origin = ANY(ARRAY(SELECT origin.id FROM origin WHERE {origin_answers('$2')}))"
)
GROUPS: Final = f"""
SELECT origin.name, counted.network, counted.strength, counted.mappings
FROM (SELECT m.origin, m.network, m.strength, count(*) AS mappings FROM mapping m WHERE {_ANSWERING} GROUP BY 1, 2, 3) counted
JOIN origin ON origin.id = counted.origin ORDER BY 1, 2, 3
"""
PEOPLE: Final = f"""
SELECT (SELECT count(DISTINCT m.x_id) FROM mapping m WHERE {_ANSWERING} AND m.x_id IS NOT NULL)
    + (SELECT count(DISTINCT m.x_handle_key) FROM mapping m WHERE {_ANSWERING} AND m.x_id IS NULL)
"""
# On one core, in the order of the table, and hides by their hash: in the order of an index ten million people are as many reads
# of the disk.
QUIETLY: Final = "; ".join(
    ["SET LOCAL max_parallel_workers_per_gather = 0"]
    + [f"SET LOCAL enable_{way} = off" for way in ("indexscan", "mergejoin", "nestloop")]
)
_WAIT: Final = f"SELECT pg_advisory_xact_lock({COUNTING_LOCK})"
_KEEP: Final = """
INSERT INTO directory_count (id, took_s, counts) VALUES (1, $1, $2)
ON CONFLICT (id) DO UPDATE SET took_s = excluded.took_s, counts = excluded.counts
"""


class KeptCount(msgspec.Struct, frozen=True):
    """A count, and how long it took."""

    statistics: Statistics
    took_s: float


class StatisticsStore:
    """Counts, and what was counted last."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_kept(self) -> KeptCount | None:
        """Returns what was counted last, by any process; None where nothing is kept that this version reads. Raises
        DirectoryUnavailable."""
        async with self._database.connection() as connection:
            return await _find_kept(connection)

    async def count(self, now: datetime, *, waits: bool = False) -> KeptCount | None:
        """Counts the mappings that answer, the X accounts among them, and their origins, and keeps that. Where another process
        is counting, returns None, or with `waits` what that one kept. Raises DirectoryUnavailable."""
        async with self._database.transaction() as connection:
            if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", COUNTING_LOCK):
                if not waits:
                    return None
                await connection.execute(_WAIT, timeout=COUNT_TIMEOUT_S)
                if (kept := await _find_kept(connection)) is not None:
                    return kept
            await connection.execute(QUIETLY)
            started = time.perf_counter()
            statistics = await _count(connection, now)
            kept = KeptCount(statistics, time.perf_counter() - started)
            await connection.execute(_KEEP, kept.took_s, msgspec.json.encode(statistics).decode())
        return kept

    async def is_reachable(self) -> bool:
        """Returns whether the database answers. Raises DirectoryUnavailable."""
        async with self._database.connection() as connection:
            return bool(await connection.fetchval("SELECT true"))


async def _find_kept(connection: Connection) -> KeptCount | None:
    row = await connection.fetchrow("SELECT took_s, counts FROM directory_count")
    if row is None:
        return None
    try:
        return KeptCount(msgspec.json.decode(row["counts"], type=Statistics), row["took_s"])
    except msgspec.ValidationError:
        return None


async def _count(connection: Connection, now: datetime) -> Statistics:
    heard_after = now - HIDDEN_AFTER
    rows = await connection.fetch(GROUPS, now, heard_after, timeout=COUNT_TIMEOUT_S)
    people = await connection.fetchval(PEOPLE, now, heard_after, timeout=COUNT_TIMEOUT_S)
    groups = [
        (origin, network_of_code(code), Strength(strength), int(count))
        for origin, code, strength, count in rows
    ]
    return sum_up(groups, int(people), now)
