"""Measures what a million people who wait in runs cost the database: the claim of a step, and what a step reads."""

import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from deploy.bench.databases import drop_database, new_database
from deploy.bench.results import Result
from directory.follows.states import ItemState, RunState
from directory.store.database import Connection, Database
from directory.store.follow_items import RunItems
from directory.store.follow_runs import FOLLOW_RUNS, claim_run
from directory.store.leases import Lease

PEOPLE_A_RUN: Final = 1_000
FEW: Final = 10_000
BATCH: Final = 200
ROUNDS: Final = 50
TARGET_SLOWER: Final = 2.0
DATABASE: Final = "passerelle_bench_follow_queue"
_SCANS: Final = (
    "SELECT coalesce(sum(seq_scan), 0) FROM pg_stat_xact_user_tables"
    " WHERE relname IN ('follow_item', 'follow_run')"
)
"""Of the tables that grow with those who wait. The table of hosts that are left alone is empty here."""
_FILL: Final = (
    "INSERT INTO member (id, created) SELECT md5('m' || n)::uuid, $2 FROM generate_series(1, $1::int) n WHERE $3::int + $4::int > 0",
    "INSERT INTO linked_account (id, member, network, account_id, handle, handle_key, evidence, linked_at, proven_at, checked_at)"
    " SELECT md5('m' || n)::uuid, md5('m' || n)::uuid, 1, 'did:plc:m' || n, 'm' || n || '.invalid', 'm' || n || '.invalid',"
    " '[]', $2, $2, $2 FROM generate_series(1, $1::int) n WHERE $3::int + $4::int > 0",
    "INSERT INTO follow_run (id, member, account, network, host, kind, source, state, created_at, starts_at, next_at, is_read)"
    " SELECT md5('m' || n)::uuid, md5('m' || n)::uuid, md5('m' || n)::uuid, 1, 'pds' || n % 20 || '.invalid', 1, 1,"
    " $4::int, $2, $2, $2::timestamptz + n * interval '1 ms', true FROM generate_series(1, $1::int) n WHERE $3::int + $4::int > 0",
    "INSERT INTO follow_item (run, number, target_id, target_handle, x_id, changed_at)"
    " SELECT md5('m' || n)::uuid, i, 'did:plc:p' || i, 'p' || i || '.invalid', i, $2"
    " FROM generate_series(1, $1::int) n, generate_series(0, $3::int - 1) i WHERE $4::int > 0",
)


async def bench_queue(admin_dsn: str, people: int, a_run: int = PEOPLE_A_RUN) -> list[Result]:
    """Measures a claim and the reads of a step with few people waiting, and with so many; `a_run` of them in each run."""
    few, _ = await _measure(admin_dsn, min(FEW, people), a_run)
    seconds, scans = await _measure(admin_dsn, people, a_run)
    return [
        Result(
            f"{people:,} people waiting in runs: tables read through by a claim and the reads of a step",
            f"{scans:g} in {ROUNDS} steps",
            "0, by PostgreSQL's own count",
            scans,
            0.0,
        ),
        Result(
            f"{people:,} people waiting in runs: a claim and the reads of a step",
            f"{seconds * 1000:.1f} ms",
            f"{few * 1000:.1f} ms at {min(FEW, people):,}",
            seconds / few,
            TARGET_SLOWER,
        ),
    ]


async def _measure(admin_dsn: str, people: int, a_run: int) -> tuple[float, float]:
    """Returns the seconds of a step's claim and reads, and how many tables all of them read through."""
    dsn, began = await new_database(admin_dsn, DATABASE), datetime.now(UTC) - timedelta(hours=1)
    database = await Database.connect(dsn, max_connections=2)
    seconds, scans = list[float](), 0.0
    try:
        async with database.connection() as connection:
            for statement in _FILL:
                await connection.execute(
                    statement, people // a_run, began, a_run, RunState.RUNNING.value, timeout=None
                )
            await connection.execute("VACUUM ANALYZE", timeout=None)
        for _ in range(ROUNDS):
            async with database.transaction() as connection:
                before, started = await connection.fetchval(_SCANS), time.perf_counter()
                await _step(connection, datetime.now(UTC))
                seconds.append(time.perf_counter() - started)
                scans += float(await connection.fetchval(_SCANS) - before)
    finally:
        await database.close()
    await drop_database(admin_dsn, DATABASE)
    return statistics.median(seconds), scans


async def _step(connection: Connection, now: datetime) -> None:
    """Claims a run, reads what a step of it reads, and releases it."""
    claimed = await claim_run(connection, now, [])
    if claimed is None:
        raise RuntimeError("no run is due")
    run = claimed[0].id
    items = RunItems(connection, run)
    await items.fetch(ItemState.SENT, BATCH)
    await items.fetch(ItemState.PENDING, BATCH)
    await items.fetch_waiting_since(ItemState.SENT)
    await items.has_any(ItemState.PENDING)
    await items.has_any(ItemState.UNDOING)
    await items.has_left()
    await FOLLOW_RUNS.release(connection, Lease(run, claimed[1]), now)
