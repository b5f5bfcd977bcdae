"""Copies what a log has published, and nothing else: what the disk and the indexes could take at most."""

import time
from typing import Final

import asyncpg

from deploy.bench.databases import drop_database, new_database
from directory.store.mappings import COPY_COLUMNS
from federation.own_log.sequencer import MAX_BATCH

DATABASE: Final = "passerelle_bench_copied"
_COLUMNS: Final = {
    "mapping": COPY_COLUMNS,
    "log_statement": ("leaf", "salt", "body"),
    "log_tile": ("place", "data"),
}
_ORDER: Final = {"mapping": "leaf", "log_statement": "leaf", "log_tile": "place"}


async def bare_copy(admin_dsn: str, dsn: str, count: int) -> float:
    """Copies the rows of the newest `count` mappings of a log, their salts, bodies and tiles into empty tables
    with the same indexes, durable after as many as a batch of the log holds. Returns mappings a second."""
    rows = await _read(dsn, count)
    target = await asyncpg.connect(await new_database(admin_dsn, DATABASE))
    try:
        await target.execute("INSERT INTO origin (name, is_demo) VALUES ('copied.example/log', false)")
        origin = await target.fetchval("SELECT id FROM origin WHERE name = 'copied.example/log'")
        place = COPY_COLUMNS.index("origin")
        rows["mapping"] = [(*row[:place], origin, *row[place + 1 :]) for row in rows["mapping"]]
        started = time.perf_counter()
        for first in range(0, count, MAX_BATCH):
            await _copy_batch(target, rows, first, count)
        seconds = time.perf_counter() - started
    finally:
        await target.close()
        await drop_database(admin_dsn, DATABASE)
    return len(rows["mapping"]) / seconds


async def _copy_batch(
    target: "asyncpg.Connection[asyncpg.Record]",
    rows: dict[str, list[tuple[object, ...]]],
    first: int,
    count: int,
) -> None:
    async with target.transaction():
        for table, columns in _COLUMNS.items():
            share = len(rows[table]) / count
            part = rows[table][int(first * share) : int((first + MAX_BATCH) * share)]
            await target.copy_records_to_table(table, records=part, columns=columns, timeout=None)


async def _read(dsn: str, count: int) -> dict[str, list[tuple[object, ...]]]:
    source = await asyncpg.connect(dsn)
    rows: dict[str, list[tuple[object, ...]]] = {}
    try:
        for table, columns in _COLUMNS.items():
            newest = f"SELECT {', '.join(columns)} FROM {table} ORDER BY {_ORDER[table]} DESC"  # noqa: S608 - constants
            limit = None if table == "log_tile" else count
            found = await source.fetch(newest + " LIMIT $1", limit, timeout=None)
            rows[table] = [tuple(row) for row in reversed(found)]
        # Of the tiles as many as so many leaves have: their share of all.
        leaves = await source.fetchval("SELECT published_size FROM log_state")
        rows["log_tile"] = rows["log_tile"][:: max(1, round(leaves / count))]
    finally:
        await source.close()
    return rows
