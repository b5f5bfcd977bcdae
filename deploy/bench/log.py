"""Measures the signed log: publishing, the wait for a signature, serving tiles, proving, checking."""

import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

import psutil

from deploy.bench.bare_copy import bare_copy
from deploy.bench.databases import new_database
from deploy.bench.hashing import hashing_alone
from deploy.bench.launch.watch import percentile
from deploy.bench.load import get_request, measure_load
from deploy.bench.measured import EMPTY_PATH, measured_server
from deploy.bench.results import Result
from deploy.bench.synthetic_log import HOST, ORIGIN, synthetic_log
from deploy.pending import PEOPLE_A_MAPPING, add_pending
from deploy.ports import free_port
from directory.clock import SystemClock
from directory.mapping_life import MappingState
from directory.store.database import Database
from directory.store.mapping_rows import ensure_origin
from directory.store.mappings import COPY_COLUMNS
from federation.fsck.run import check_database_log
from federation.keys.instance import KeyFolder
from federation.own_log.draining import drain
from federation.own_log.reader import LogService
from federation.own_log.sequencer import Sequencer
from federation.own_log.sequencer_task import SequencerTask
from federation.store.log import LogStore

PUBLISHED: Final = 50_000
PUBLISHING_ROUNDS: Final = 3
PUBLISHING_DATABASE: Final = "passerelle_bench_publishing"
TARGET_OF_COPY: Final = 0.5
TARGET_SIGNED_S: Final = 2.0
TARGET_PROOF_S: Final = 0.002
TARGET_OF_HASHING: Final = 0.6
FSCK_ROUNDS: Final = 3
HASHING_S: Final = 3.0
CONNECTIONS: Final = 32
ROUNDS: Final = 5
CLICKS: Final = 5
PROOFS: Final = 500
SMALL_LEAVES: Final = 100_000
LOOK_EVERY_LEAVES: Final = 32_768


async def bench_log(admin_dsn: str, leaves: int, seconds: float) -> list[Result]:
    """Measures all cases. Publishing is durable where the server is."""
    results = await _publishing(admin_dsn)
    small = await synthetic_log(admin_dsn, SMALL_LEAVES)
    large = await synthetic_log(admin_dsn, leaves)
    results.append(await _tiles(large, seconds))
    results.append(await _proofs(large, leaves))
    return [*results, *await _fsck(small, large, leaves)]


async def _publishing(admin_dsn: str) -> list[Result]:
    dsn = await new_database(admin_dsn, PUBLISHING_DATABASE)
    database = await Database.connect(dsn, max_connections=3)
    rates: list[float] = []
    copies: list[float] = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            keys = KeyFolder(Path(folder) / "data")
            keys.make(HOST)
            sequencer = Sequencer(keys, ORIGIN, SystemClock())
            for number in range(PUBLISHING_ROUNDS):
                first = number * PUBLISHED
                rates.append(await _sustained(database, sequencer, first))
                copies.append(await bare_copy(admin_dsn, dsn, PUBLISHED))
            waits = await _clicks(database, sequencer)
    finally:
        await database.close()
    rate, copied = statistics.median(rates), statistics.median(copies)
    return [
        Result(
            f"publishing {PUBLISHED:,} people: mappings a second, signed and durable",
            f"{rate:,.0f}/s ({_told(rates)})",
            f"{copied:,.0f}/s ({_told(copies)}), COPY of the same rows of mapping, salt and body, tile, with their indexes",
            rate / copied,
            TARGET_OF_COPY,
            at_least=True,
        ),
        Result(
            "from the click to the signed checkpoint, at rest: the longest",
            f"{max(waits):.2f} s",
            f"{TARGET_SIGNED_S:g} s",
            max(waits) / TARGET_SIGNED_S,
            1.0,
        ),
    ]


def _told(rates: list[float]) -> str:
    return ", ".join(f"{rate:,.0f}" for rate in rates)


async def _sustained(database: Database, sequencer: Sequencer, first: int) -> float:
    """Measures the published mappings a second, from the first batch to the last. `first` of them are there already."""
    waiting: list[tuple[int, float]] = []
    clock = SystemClock()
    now = clock.now().replace(microsecond=0)
    await add_pending(database, PUBLISHED, ORIGIN, now, first=first * PEOPLE_A_MAPPING)
    await drain(database, sequencer, clock, lambda left: waiting.append((left, time.perf_counter())))
    (before, started), (after, ended) = waiting[0], waiting[-1]
    return (before - after) / (ended - started)


async def _clicks(database: Database, sequencer: Sequencer) -> list[float]:
    task = SequencerTask(database, sequencer)
    running = asyncio.create_task(task.run())
    waits: list[float] = []
    try:
        for number in range(CLICKS):
            await asyncio.sleep(0.37 * number)
            started = time.perf_counter()
            await _click(database, 10_000_000_000 + number)
            async with database.connection() as connection:
                while await connection.fetchval(  # noqa: ASYNC110 - what it waits for is in the database
                    "SELECT NOT EXISTS (SELECT FROM mapping WHERE x_id = $1 AND state = $2)",
                    10_000_000_000 + number,
                    MappingState.ACTIVE,
                ):
                    await asyncio.sleep(0.01)
            waits.append(time.perf_counter() - started)
    finally:
        task.stop()
        await running
    return waits


async def _click(database: Database, x_id: int) -> None:
    """Inserts a pending mapping: a copy of another one, with a new X id."""
    columns = ", ".join(name for name in COPY_COLUMNS if name not in {"x_id", "state", "leaf"})
    async with database.connection() as connection:
        own = await ensure_origin(connection, ORIGIN)
        await connection.execute(
            f"INSERT INTO mapping ({columns}, x_id, state, leaf) SELECT {columns}, $1, $2, NULL"  # noqa: S608 - constants
            " FROM mapping WHERE origin = $3 AND x_id IS NOT NULL LIMIT 1",
            x_id,
            MappingState.PENDING.value,
            own,
        )


async def _tiles(dsn: str, seconds: float) -> Result:
    empty, tile = [get_request(EMPTY_PATH)], [get_request("/log/tile/0/000"), get_request("/log/tile/0/001")]
    rates: dict[str, list[float]] = {"empty": [], "tile": []}
    async with measured_server(dsn, free_port()) as server:
        for _ in range(ROUNDS):
            for name, requests in (("empty", empty), ("tile", tile)):
                load = await measure_load(server.port, requests, connections=CONNECTIONS, seconds=seconds)
                rates[name].append(load.per_second)
    served, bare = statistics.median(rates["tile"]), statistics.median(rates["empty"])
    return Result(
        "one tile over HTTP: requests a second",
        f"{served:,.0f}/s",
        f"{bare:,.0f}/s, an empty handler",
        served / bare,
        0.7,
        at_least=True,
    )


async def _proofs(dsn: str, leaves: int) -> Result:
    database = await Database.connect(dsn, max_connections=2)
    try:
        service = LogService(LogStore(database), SystemClock())
        async with database.connection() as connection:
            known = [leaf for (leaf,) in await connection.fetch("SELECT leaf FROM log_statement")]
        times = []
        for leaf in random.Random(1).choices(known, k=PROOFS):
            started = time.perf_counter()
            await service.make_proof(leaf)
            times.append(time.perf_counter() - started)
    finally:
        await database.close()
    median = statistics.median(times)
    return Result(
        f"an inclusion proof among {leaves:,} leaves",
        f"{median * 1000:.1f} ms; 95 of 100 within {percentile(times, 0.95) * 1000:.1f} ms",
        f"{TARGET_PROOF_S * 1000:.0f} ms",
        median / TARGET_PROOF_S,
        1.0,
    )


async def _fsck(small: str, large: str, leaves: int) -> list[Result]:
    """Checks the large log in turns with hashing alone, so that what others take of the machine meets both."""
    _, small_peak = await _check(small)
    hashed = [await hashing_alone(HASHING_S)]
    rates: list[float] = []
    peaks: list[int] = []
    for _ in range(FSCK_ROUNDS):
        rate, peak = await _check(large)
        rates.append(rate)
        peaks.append(peak)
        hashed.append(await hashing_alone(HASHING_S))
    peak, rate, alone = max(peaks), statistics.median(rates), statistics.median(hashed)
    return [
        Result(
            f"fsck of the hashes of {leaves:,} leaves: leaves a second",
            f"{rate:,.0f}/s ({_told(rates)})",
            f"{alone:,.0f}/s ({_told(hashed)}), hashing alone in as many processes",
            rate / alone,
            TARGET_OF_HASHING,
            at_least=True,
        ),
        Result(
            f"fsck: memory at {leaves:,} leaves",
            f"{peak / 1e6:.0f} MB",
            f"{small_peak / 1e6:.0f} MB at {SMALL_LEAVES:,}",
            peak / small_peak,
            1.5,
        ),
    ]


async def _check(dsn: str) -> tuple[float, int]:
    """Checks a log. Returns leaves a second, and the peak memory of this process and those that it started."""
    peak = 0

    def look(leaves: int) -> None:
        nonlocal peak
        if leaves % LOOK_EVERY_LEAVES == 0:
            peak = max(peak, _memory())

    database = await Database.connect(dsn, max_connections=1)
    try:
        started = time.perf_counter()
        report = await check_database_log(database, with_bodies=False, progress=look)
        seconds = time.perf_counter() - started
    finally:
        await database.close()
    if not report.is_clean:
        raise RuntimeError(f"the synthetic log is not well: {report.findings[:3]}")
    return report.checkpoint.size / seconds, peak


def _memory() -> int:
    this = psutil.Process()
    # Without the database's own processes.
    others = [each for each in this.children() if each.name().startswith("python")]
    return sum(each.memory_info().rss for each in [this, *others])
