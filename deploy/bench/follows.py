"""Measures follow runs: requests and points on Bluesky, many runs at once in one process, and a long queue."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from deploy.bench.counting_pds import HOUR_POINTS, POINTS_A_FOLLOW, counting_pds, read_counts
from deploy.bench.directory import lookup_requests
from deploy.bench.follow_members import publish_people, start_runs
from deploy.bench.follow_queue import bench_queue
from deploy.bench.load import measure_load
from deploy.bench.pair import LOOK_EVERY_S, Running, running_follower
from deploy.bench.results import Result
from deploy.ports import free_port
from deploy.wiring.members import MemberParts, open_members
from directory.clock import SystemClock
from directory.follows.states import RunState

RUNS: Final = 1_000
PEOPLE_A_RUN: Final = 200
CALLERS: Final = 4
LOAD_S: Final = 1.0
IDLE_LOADS: Final = 5
SETTLE_S: Final = 5.0
PATIENCE_S: Final = 1_800.0
TARGET_REQUESTS: Final = 1.0
TARGET_POINTS: Final = 0.98
TARGET_BYTES: Final = 400_000_000
TARGET_P99: Final = 2.0
IN_AN_HOUR: Final = HOUR_POINTS // POINTS_A_FOLLOW
_LATER: Final = timedelta(hours=12)
_AT_WORK: Final = (RunState.PLANNED.value, RunState.RUNNING.value)
_BUSY: Final = "SELECT count(*) FROM follow_run WHERE state = ANY($1::smallint[]) AND next_at < now() + interval '3 minutes'"
_BEGIN: Final = "UPDATE follow_run SET starts_at = now(), next_at = now()"


class RunsStuck(Exception):
    """The runs did not come to their end, so that there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class Site:
    """An instance, its members, and the server that their accounts are at."""

    running: Running
    parts: MemberParts
    server: str

    @property
    def port(self) -> int:
        """The port of the server of the accounts."""
        return int(urlsplit(self.server).port or 0)

    async def prepare(self, runs: int, people: int) -> None:
        """Has so many runs wait, each of so many people."""
        await publish_people(self.parts, people)
        later = self.parts.ground.clock.now() + _LATER
        await start_runs(self.parts, self.server, runs, range(people), later)

    async def begin(self) -> None:
        """Has all runs begin now."""
        async with self.running.database.connection() as connection:
            await connection.execute("VACUUM ANALYZE", timeout=None)
            await connection.execute(_BEGIN, timeout=None)

    async def is_busy(self) -> bool:
        """Tells whether a run has something to do within minutes."""
        return bool(await self.running.fetchval(_BUSY, _AT_WORK))


async def bench_follows(admin_dsn: str, people: int) -> list[Result]:
    """Measures all cases; `people` wait in the longest queue."""
    return [
        *await bench_points(admin_dsn, IN_AN_HOUR + PEOPLE_A_RUN),
        *await bench_many_runs(admin_dsn, RUNS, PEOPLE_A_RUN),
        *await bench_queue(admin_dsn, people),
    ]


async def bench_points(admin_dsn: str, people: int) -> list[Result]:
    """Measures one run of a member who follows more people than an hour's points are enough for."""
    async with _site(admin_dsn) as site:
        await site.prepare(1, people)
        await site.begin()
        await _wait_for_end(site)
        counts = await read_counts(site.port)
    spent = max(counts.points.values(), default=0)
    possible = min(HOUR_POINTS, people * POINTS_A_FOLLOW)
    requests = counts.beside_reading * 100 / max(counts.follows, 1)
    return [
        Result(
            "Bluesky: requests for 100 follows, beside those that read existing ones",
            f"{requests:.2f}; {counts.beside_reading} for {counts.follows:,}",
            f"{TARGET_REQUESTS:g}",
            requests / TARGET_REQUESTS,
            1.0,
        ),
        Result(
            "Bluesky: points used of those that the server grants in an hour",
            f"{spent:,}; {counts.refused} writes refused",
            f"{possible:,}",
            spent / possible,
            TARGET_POINTS,
            at_least=True,
        ),
    ]


async def bench_many_runs(admin_dsn: str, runs: int, people: int, load_s: float = LOAD_S) -> list[Result]:
    """Measures so many runs at once in one process, and lookups beside them."""
    async with _site(admin_dsn) as site:
        await site.prepare(runs, people)
        await asyncio.sleep(SETTLE_S if load_s >= LOAD_S else 0)
        idle = [await _p99(site, people, load_s) for _ in range(IDLE_LOADS)]
        await site.begin()
        started, busy, peak = time.perf_counter(), list[float](), 0
        while await site.is_busy():
            if time.perf_counter() - started > PATIENCE_S:
                raise RunsStuck
            busy.append(await _p99(site, people, load_s))
            peak = max(peak, site.running.resident_bytes())
        seconds, follows = time.perf_counter() - started, (await read_counts(site.port)).follows
    p99, quiet = statistics.median(busy), statistics.median(idle)
    return [
        Result(
            f"{runs:,} runs at once in one process: most memory",
            f"{peak / 1e6:.0f} MB; {follows:,} follows in {seconds:.0f} s",
            f"{TARGET_BYTES / 1e6:.0f} MB",
            peak / TARGET_BYTES,
            1.0,
        ),
        Result(
            f"lookups of {CALLERS} callers beside {runs:,} runs in the same process: p99",
            f"{p99 * 1000:.1f} ms, the median of {len(busy)} loads",
            f"{quiet * 1000:.1f} ms before they begin",
            p99 / quiet,
            TARGET_P99,
        ),
    ]


async def _p99(site: Site, people: int, seconds: float) -> float:
    port, requests = site.running.instance.port, lookup_requests(people)[:1_000]
    return (await measure_load(port, requests, connections=CALLERS, seconds=seconds)).p99


@asynccontextmanager
async def _site(admin_dsn: str) -> AsyncIterator[Site]:
    async with (
        counting_pds(free_port()) as server,
        running_follower(admin_dsn, plc_url=server, handle_resolver=server, bluesky_app_view="") as running,
        open_members(running.instance.settings, running.database, SystemClock()) as parts,
    ):
        yield Site(running, parts, server)


async def _wait_for_end(site: Site) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await site.is_busy():  # noqa: ASYNC110 - it is in the database
            await asyncio.sleep(LOOK_EVERY_S)
