"""Measures lookups and matches, over directories of two sizes."""

import asyncio
import random
import statistics
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import msgspec

from deploy.bench.databases import kept_database
from deploy.bench.lists import bench_holds, bench_lookups_beside_lists
from deploy.bench.load import Load, get_request, measure_load, post_json_request, time_request
from deploy.bench.lookup_cost import bench_lookup_cost
from deploy.bench.measured import EMPTY_PATH, MeasuredServer, measured_server
from deploy.bench.results import Result
from deploy.demo import fill_demo
from deploy.ports import free_port
from directory.demo import World
from directory.store.database import Database
from directory.store.demo import DemoStore
from directory.store.mapping_conditions import IS_ACTIVE

SMALL_PEOPLE: Final = 100_000
LISTED_PEOPLE: Final = 1_000_000
"""Lists are measured at this size, too: at a larger one the bare SELECT waits for memory, and hides what we take."""
CONNECTIONS: Final = 32
ROUNDS: Final = 5
MATCH_PAIRS: Final = 5_000
LARGE_PAIRS: Final = 100_000
LARGE_ROUNDS: Final = 4
LARGE_MATCH_S: Final = 3.0
API_PAIRS: Final = 10_000
PROBES: Final = 20_000
_COLUMNS: Final = "x_id, x_handle, network, target_id, target_handle, strength, evidence, origin, leaf, issued, expires, state"
BARE_SELECT: Final = f"SELECT {_COLUMNS} FROM mapping m WHERE {IS_ACTIVE} AND x_id = ANY($1::bigint[])"  # noqa: S608 - constants


async def demo_database(admin_dsn: str, people: int) -> str:
    """Makes a database with so many demo people, which takes minutes. Returns its address."""

    async def fill(dsn: str) -> None:
        database = await Database.connect(dsn, max_connections=2)
        try:
            now = datetime.now(UTC).replace(microsecond=0)
            await fill_demo(DemoStore(database), people, 0, now, lambda _: None)
        finally:
            await database.close()

    return await kept_database(admin_dsn, f"passerelle_bench_{people}", fill)


async def bench_directory(admin_dsn: str, people: int, seconds: float) -> list[Result]:
    """Measures all cases, alternating with their references so that noise affects both."""
    results: list[Result] = []
    small, large = await demo_database(admin_dsn, SMALL_PEOPLE), await demo_database(admin_dsn, people)
    async with (
        measured_server(small, free_port()) as small_server,
        measured_server(large, free_port()) as server,
    ):
        results += await _lookups(small_server, server, people, seconds)
        results += await bench_lookups_beside_lists(server, lookup_requests(people), people, seconds)
        results.append(await bench_holds(server, people))
        results += await bench_lookup_cost(server, large, lookup_requests(people), people, seconds)
        results.append(await _match(server, large, people))
        results += await _large_match(server, people)
    if people > LISTED_PEOPLE:
        results.append(await _match_of(admin_dsn, LISTED_PEOPLE))
    return results


async def _match_of(admin_dsn: str, people: int) -> Result:
    """Measures a list over a directory of another size."""
    dsn = await demo_database(admin_dsn, people)
    async with measured_server(dsn, free_port()) as server:
        return await _match(server, dsn, people)


async def _lookups(small: MeasuredServer, large: MeasuredServer, people: int, seconds: float) -> list[Result]:
    empty = [get_request(EMPTY_PATH)]
    runs: dict[str, list[Load]] = {"empty": [], "small": [], "large": []}
    for _ in range(ROUNDS):
        for name, server, requests in (
            ("empty", large, empty),
            ("large", large, lookup_requests(people)),
            ("small", small, lookup_requests(SMALL_PEOPLE)),
        ):
            runs[name].append(
                await measure_load(server.port, requests, connections=CONNECTIONS, seconds=seconds)
            )
    rate = {name: statistics.median(load.per_second for load in loads) for name, loads in runs.items()}
    p99 = {name: statistics.median(load.p99 for load in loads) for name, loads in runs.items()}
    return [
        Result(
            f"one lookup over HTTP, {people:,} people: requests a second",
            f"{rate['large']:,.0f}/s",
            f"{rate['empty']:,.0f}/s, an empty handler",
            rate["large"] / rate["empty"],
            0.9,
            at_least=True,
        ),
        Result(
            f"one lookup over HTTP: p99 at {people:,} people",
            f"{p99['large'] * 1000:.1f} ms",
            f"{p99['small'] * 1000:.1f} ms at {SMALL_PEOPLE:,}",
            p99["large"] / p99["small"],
            1.5,
        ),
    ]


def lookup_requests(people: int) -> list[bytes]:
    """Makes lookups by id and by handle; about nine in ten find somebody."""
    world, random_ = World(0), random.Random(1)
    slots = [random_.randrange(int(people * 1.1)) for _ in range(PROBES)]
    return [
        get_request(f"/api/v1/lookup?x={f'@{world.handle(slot)}' if slot % 2 else world.x_id(slot)}")
        for slot in slots
    ]


async def _match(server: MeasuredServer, dsn: str, people: int) -> Result:
    world, random_ = World(0), random.Random(2)
    over_http, bare = [], []
    connection = await asyncpg.connect(dsn)
    try:
        for number in range(ROUNDS * 4 + 2):
            x_ids = [world.x_id(random_.randrange(people)) for _ in range(MATCH_PAIRS)]
            body = msgspec.json.encode({"pairs": [(str(x_id), None) for x_id in x_ids]})
            request = post_json_request("/api/v1/match", body)
            # Each goes first in turn: the second finds the pages warm.
            first_seconds = await time_request(server.port, request) if number % 2 else 0.0
            started = time.perf_counter()
            await connection.fetch(BARE_SELECT, x_ids)
            bare_seconds = time.perf_counter() - started
            http_seconds = first_seconds or await time_request(server.port, request)
            if number >= 2:
                over_http.append(http_seconds)
                bare.append(bare_seconds)
    finally:
        await connection.close()
    measured, reference = statistics.median(over_http), statistics.median(bare)
    return Result(
        f"match of {MATCH_PAIRS:,} pairs over HTTP, {people:,} people",
        f"{measured * 1000:.0f} ms",
        f"{reference * 1000:.0f} ms, the bare SELECT … = ANY",
        measured / reference,
        1.2,
    )


async def _large_match(server: MeasuredServer, people: int) -> list[Result]:
    """Measures a list of 100,000 pairs: its time, and the server's memory as a ratio to that for 10,000 pairs."""
    await _post_list(server, people, API_PAIRS)
    small_peak = await _peak_during(server, _post_list(server, people, API_PAIRS))
    seconds: list[float] = []
    peaks: list[int] = []
    for _ in range(LARGE_ROUNDS):
        started = time.perf_counter()
        peaks.append(await _peak_during(server, _post_list(server, people, LARGE_PAIRS)))
        seconds.append(time.perf_counter() - started)
    in_memory = statistics.median(seconds[1:])
    return [
        Result(
            f"results page for {LARGE_PAIRS:,} pairs, {people:,} people, asked again",
            f"{in_memory:.1f} s",
            f"{LARGE_MATCH_S:.0f} s; the first time {seconds[0]:.1f} s, as much of it as the disk takes",
            in_memory / LARGE_MATCH_S,
            1.0,
        ),
        Result(
            f"results page for {LARGE_PAIRS:,} pairs: memory of the server",
            f"{max(peaks) / 1e6:.0f} MB",
            f"{small_peak / 1e6:.0f} MB for {API_PAIRS:,}",
            max(peaks) / small_peak,
        ),
    ]


async def _peak_during(server: MeasuredServer, work: Coroutine[Any, Any, None]) -> int:
    task = asyncio.create_task(work)
    peak = server.resident_bytes()
    while not task.done():
        await asyncio.wait({task}, timeout=0.02)
        peak = max(peak, server.resident_bytes())
    await task
    return peak


async def _post_list(server: MeasuredServer, people: int, pairs: int) -> None:
    world, random_ = World(0), random.Random(3)
    lines = "\n".join(f"{world.x_id(random_.randrange(people * 3))},,f" for _ in range(pairs))
    boundary = "passerelle-bench"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="pairs"; filename="pairs"\r\n'
        f"Content-Type: text/plain\r\n\r\n{lines}\r\n--{boundary}--\r\n"
    ).encode()
    head = (
        "POST /results HTTP/1.1\r\nHost: localhost\r\nX-Passerelle-Fragment: 1\r\n"
        f"Content-Type: multipart/form-data; boundary={boundary}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    await time_request(server.port, head.encode() + body)
