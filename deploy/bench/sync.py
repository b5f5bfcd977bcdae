"""Measures syncing with a peer: two instances on one machine, over real HTTP, each with a database of its own."""

import asyncio
import statistics
import time
from typing import Final

import asyncpg

from deploy.bench.databases import drop_database, new_database
from deploy.bench.directory import lookup_requests
from deploy.bench.idle_peers import bench_idle_peers
from deploy.bench.load import measure_load
from deploy.bench.pair import (
    LOOK_EVERY_S,
    Running,
    Synced,
    first_sync,
    make_pair,
    running_follower,
    running_server,
)
from deploy.bench.results import Result
from deploy.bench.updates import bench_updates
from directory.store.copying import copy_rows
from directory.store.mappings import COPY_COLUMNS

SMALL_PEOPLE: Final = 100_000
TARGET_PER_S: Final = 15_000
TARGET_OF_COPY: Final = 0.25
TARGET_BYTES: Final = 300_000_000
TARGET_P99: Final = 2.0
CALLERS: Final = 4
LOAD_S: Final = 1.0
IDLE_RUNS: Final = 5
COPIED_AT_ONCE: Final = 50_000
COPY_DATABASE: Final = "passerelle_bench_copy"


async def bench_sync(admin_dsn: str, people: int) -> list[Result]:
    """Measures all cases."""
    small = min(people, SMALL_PEOPLE)
    results: list[Result] = []
    for size in sorted({small, people}):
        results += await bench_first_sync(admin_dsn, size)
    results.append(await _lookups(admin_dsn, small))
    results += await bench_updates(admin_dsn, small)
    return [*results, *await bench_idle_peers(admin_dsn)]


async def _lookups(admin_dsn: str, people: int) -> Result:
    """Looks people up during a first sync, and when it is over."""
    requests = lookup_requests(people)
    async with running_server(admin_dsn, people) as server, running_follower(admin_dsn) as follower:
        await make_pair(server, follower)
        syncing = asyncio.create_task(first_sync(follower, await _published_size(server)))
        while not await follower.fetchval("SELECT bodies_size FROM peer_log"):  # noqa: ASYNC110 - it is in the database
            await asyncio.sleep(LOOK_EVERY_S)
        port, during = follower.instance.port, []
        while not syncing.done():
            load = await measure_load(port, requests, connections=CALLERS, seconds=LOAD_S)
            during += [] if syncing.done() else [load.p99]
        await syncing
        idle = [
            (await measure_load(port, requests, connections=CALLERS, seconds=LOAD_S)).p99
            for _ in range(IDLE_RUNS)
        ]
    busy, quiet = statistics.median(during), statistics.median(idle)
    return Result(
        f"lookups of {CALLERS} callers during a first sync in the same process: p99",
        f"{busy * 1000:.1f} ms, the median of {len(during)} runs",
        f"{quiet * 1000:.1f} ms when it is over",
        busy / quiet,
        TARGET_P99,
    )


async def bench_first_sync(admin_dsn: str, people: int) -> list[Result]:
    """Measures a first sync of a log of so many people."""
    async with running_server(admin_dsn, people) as server, running_follower(admin_dsn) as follower:
        await make_pair(server, follower)
        synced = await first_sync(follower, await _published_size(server))
        copied = await _bare_copy(admin_dsn, follower)
    return _sync_results(people, synced, copied)


async def _published_size(server: Running) -> int:
    return int(await server.fetchval("SELECT published_size FROM log_state"))


def _sync_results(people: int, synced: Synced, copied: float) -> list[Result]:
    return [
        Result(
            f"first sync of {people:,}: mappings a second, fetched, verified and stored",
            f"{synced.per_second:,.0f}/s",
            f"{TARGET_PER_S:,}/s",
            synced.per_second / TARGET_PER_S,
            1.0,
            at_least=True,
        ),
        Result(
            f"first sync of {people:,}, against a bare COPY of the same rows",
            f"{synced.per_second:,.0f}/s",
            f"{copied:,.0f}/s, COPY with the same indexes",
            synced.per_second / copied,
            TARGET_OF_COPY,
            at_least=True,
        ),
        Result(
            f"first sync of {people:,}: most memory of the follower",
            f"{synced.peak_bytes / 1e6:.0f} MB",
            f"{TARGET_BYTES / 1e6:.0f} MB",
            synced.peak_bytes / TARGET_BYTES,
            1.0,
        ),
    ]


async def _bare_copy(admin_dsn: str, follower: Running) -> float:
    """Copies the mappings that were taken in into an empty table with the same indexes. Returns rows a second."""
    dsn = await new_database(admin_dsn, COPY_DATABASE)
    target = await asyncpg.connect(dsn)
    columns = ", ".join(COPY_COLUMNS)
    copied, seconds = 0, 0.0
    try:
        await target.execute("INSERT INTO origin (name, is_demo) VALUES ('copied.example/log', false)")
        origin = await target.fetchval("SELECT id FROM origin WHERE name = 'copied.example/log'")
        async with follower.database.transaction() as connection:
            rows = connection.cursor(f"SELECT {columns} FROM mapping ORDER BY leaf")  # noqa: S608 - constants
            cursor = await rows
            while chunk := [tuple(row) for row in await cursor.fetch(COPIED_AT_ONCE)]:
                place = COPY_COLUMNS.index("origin")
                chunk = [(*row[:place], origin, *row[place + 1 :]) for row in chunk]
                started = time.perf_counter()
                await copy_rows(target, "mapping", rows=chunk, columns=COPY_COLUMNS)
                seconds += time.perf_counter() - started
                copied += len(chunk)
    finally:
        await target.close()
    await drop_database(admin_dsn, COPY_DATABASE)
    return copied / seconds
