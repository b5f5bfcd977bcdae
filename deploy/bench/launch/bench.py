"""Measures launch day: what browsers meet that all come at once, what it takes, and what is saturated first."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
import psutil

from deploy.bench.databases import copied_database, drop_database, name_of
from deploy.bench.directory import demo_database
from deploy.bench.launch.browser import Trip
from deploy.bench.launch.crowd import Crowd
from deploy.bench.launch.watch import Parts, Watched, percentile, watch
from deploy.bench.launch.wire import Wire
from deploy.bench.load import get_request
from deploy.bench.processes import cpu_s, database_server, with_children
from deploy.bench.results import Result
from deploy.ports import free_port
from deploy.trial.instances import TrialInstance, starting_instance, wait_until_ready

DATABASE: Final = "passerelle_bench_launch"
PAGE_KINDS: Final = ("page", "list", "results", "person")
TARGET_P99_S: Final = 1.0
TARGET_GROWTH: Final = 1.1
HEADROOM: Final = 0.7
"""Of the processor time that a web process may take for long: what comes at once has to fit, too."""
VISITORS: Final = 8
"""Who visited before, for each process: so many connections that each has some."""
RESTS_BELOW_S: Final = 0.05
RESTS_FOR_S: Final = 1.0
LINE_BYTES: Final = 2**26
PATIENCE_S: Final = 90.0
"""Longer than a browser waits for an answer."""


class CrowdFailed(Exception):
    """The process of the browsers ended by itself, so that there is nothing to measure."""


async def bench_launch_day(admin_dsn: str, crowd: Crowd) -> list[Result]:
    """Has a crowd visit an instance of one web process, and one that has a process for each core."""
    counts = dict.fromkeys((1, os.cpu_count() or 1))
    return [each for count in counts for each in await bench_launch(admin_dsn, crowd, workers=count)]


async def bench_launch(
    admin_dsn: str, crowd: Crowd, more: Mapping[str, str] | None = None, *, workers: int = 1
) -> list[Result]:
    """Has a crowd visit an instance of its own, of so many web processes. `more` are further settings."""
    source = await demo_database(admin_dsn, crowd.people)
    dsn = await copied_database(admin_dsn, name_of(source), DATABASE)
    try:
        with tempfile.TemporaryDirectory() as folder:
            settings = {"database_url": dsn, "log_format": "text", "log_level": "warning"}
            settings |= {"workers": str(workers), **(more or {})}
            instance = TrialInstance("launch", Path(folder) / "data", free_port(), more=settings)
            with starting_instance(instance) as process:
                await asyncio.to_thread(wait_until_ready, instance, process)
                crowd = msgspec.structs.replace(crowd, port=instance.port)
                pool = workers * instance.settings.database_connections
                trip, watched = await _measure(crowd, process, dsn, pool, workers)
    finally:
        await drop_database(admin_dsn, DATABASE)
    return results_of(trip, watched, crowd, workers)


async def _measure(
    crowd: Crowd, process: "subprocess.Popen[bytes]", dsn: str, pool: int, workers: int
) -> tuple[Trip, Watched]:
    async with _crowd_process(crowd) as running:
        if running.stdin is None or running.stdout is None:
            raise CrowdFailed
        await _line(running.stdout)
        web, load = psutil.Process(process.pid), psutil.Process(running.pid)
        parts = Parts(web, await database_server(dsn), load, workers)
        await _visit_before(crowd.port, web, workers)
        running.stdin.write(b"\n")
        watched = await watch(parts, dsn, pool, crowd.port, crowd.seconds)
        trip = msgspec.json.decode(await _line(running.stdout), type=Trip)
    return trip, watched


async def _visit_before(port: int, web: psutil.Process, workers: int) -> None:
    """Visits an instance, so that it is as one that has run for a while: people are counted, and pages are compiled. Waits until
    it rests."""
    visitors = [Wire(port, f"127.3.0.{number + 1}") for number in range(VISITORS * workers)]
    for path in ("/", "/api/v1/stats"):
        await asyncio.gather(*(visitor.ask(get_request(path)) for visitor in visitors))
    for visitor in visitors:
        visitor.close()
    before, used = -1.0, cpu_s(with_children(web))
    while used - before > RESTS_BELOW_S:
        await asyncio.sleep(RESTS_FOR_S)
        before, used = used, cpu_s(with_children(web))


@asynccontextmanager
async def _crowd_process(crowd: Crowd) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "deploy.bench.launch.crowd",
        msgspec.json.encode(crowd).decode(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=LINE_BYTES,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _line(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(PATIENCE_S):
        line = await reader.readline()
    if not line:
        raise CrowdFailed
    return line


def results_of(trip: Trip, watched: Watched, crowd: Crowd, workers: int = 1) -> list[Result]:
    """Makes the rows of the table."""
    several = f", {workers} web processes" if workers > 1 else ""
    name = f"launch day, {crowd.browsers} browsers for {crowd.seconds:.0f} s{several}"
    return [
        _troubles(name, trip),
        _pages(name, trip),
        _memory(name, watched),
        _saturation(name, watched),
        _visits(name, trip, watched, crowd.seconds),
    ]


def _troubles(name: str, trip: Trip) -> Result:
    count = sum(trip.troubles.values())
    told = ", ".join(f"{number} × {what}" for what, number in sorted(trip.troubles.items()))
    return Result(
        f"{name}: answers that are errors",
        f"{count}" + (f" ({told})" if told else ""),
        f"0 of {sum(trip.statuses.values()):,}; {trip.statuses.get(429, 0)} were 429 with Retry-After",
        float(count),
        0.0,
    )


def _pages(name: str, trip: Trip) -> Result:
    times = [value for kind in PAGE_KINDS for value in trip.seconds.get(kind, [])]
    p99 = percentile(times, 0.99) if times else float("inf")
    each = ", ".join(
        f"{kind} {percentile(values, 0.5) * 1000:.0f} and {percentile(values, 0.99) * 1000:.0f}"
        for kind, values in sorted(trip.seconds.items())
    )
    return Result(
        f"{name}: p99 of pages",
        f"{p99 * 1000:.0f} ms of {len(times):,}",
        f"{TARGET_P99_S * 1000:.0f} ms; p50 and p99 in ms: {each}",
        p99 / TARGET_P99_S,
        1.0,
    )


def _memory(name: str, watched: Watched) -> Result:
    start, middle, end = (size / 1e6 for size in (watched.pss[0], watched.pss[-2], watched.pss[-1]))
    return Result(
        f"{name}: memory of what serves, at the end",
        f"{end:.0f} MB",
        f"{middle:.0f} MB in the middle; {start:.0f} MB before",
        end / middle,
        TARGET_GROWTH,
    )


def _saturation(name: str, watched: Watched) -> Result:
    first, second = watched.first_full()
    cores = watched.cores
    mean = sum(watched.shares[first]) / len(watched.shares[first])
    return Result(
        f"{name}: saturated first",
        f"{first}, after {second:.0f} s" if second is not None else f"nothing; nearest: {first}",
        f"cores: web {cores['web']:.2f}, PostgreSQL {cores['database']:.2f}, the browsers {cores['load']:.2f};"
        f" connections in use at most {max(watched.shares['the connections to the database']):.0%};"
        f" an empty answer p50 {percentile(watched.lags, 0.5) * 1000:.0f} ms, p99 {percentile(watched.lags, 0.99) * 1000:.0f} ms",
        mean,
    )


def _visits(name: str, trip: Trip, watched: Watched, seconds: float) -> Result:
    """Tells what a visit costs, and how many a minute that leaves to one web process for long."""
    came = max(trip.visits, 1e-9) / seconds * 60
    web_s, database_s = (watched.cores[part] * 60 / came for part in ("web", "database"))
    a_minute = HEADROOM * 60 / web_s
    return Result(
        f"{name}: visits a minute that {HEADROOM:.0%} of one web process is enough for",
        f"{a_minute:,.0f}",
        f"{came:,.0f} came; each cost {web_s * 1000:.0f} ms of the web process, {database_s * 1000:.0f} ms of PostgreSQL",
        a_minute / came,
    )
