"""Watches a machine under load: who takes how much of it, second by second, and what runs out first."""

import asyncio
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import asyncpg
import psutil

from deploy.bench.launch.wire import Wire
from deploy.bench.load import get_request
from deploy.bench.processes import cpu_s, pss_bytes, with_children

EVERY_S: Final = 1.0
PROBE_EVERY_S: Final = 0.1
FULL: Final = 0.9
"""Of what a part can take at most, in one second: it is saturated."""
_BUSY: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'passerelle'"
    " AND state <> 'idle'"
)


@dataclass(frozen=True, slots=True)
class Parts:
    """The processes that share a machine. `database` is None where it is on another."""

    web: psutil.Process
    database: psutil.Process | None
    load: psutil.Process
    workers: int = 1
    """How many web processes there are: `web` and what it started."""


@dataclass(slots=True)
class Watched:
    """Shares of what each part can take at most, one a second; times of the empty answer; and memory."""

    shares: dict[str, list[float]] = field(default_factory=dict)
    cores: dict[str, float] = field(default_factory=dict)
    """How many cores each part took, on average."""
    lags: list[float] = field(default_factory=list)
    pss: list[int] = field(default_factory=list)
    """At the beginning, in the middle, at the end."""

    def first_full(self) -> tuple[str, float | None]:
        """Returns what was saturated first, and after how many seconds; where nothing was, what came nearest, and None."""
        firsts = {
            name: next((second for second, share in enumerate(shares, 1) if share >= FULL), None)
            for name, shares in self.shares.items()
        }
        full = {name: second * EVERY_S for name, second in firsts.items() if second is not None}
        if full:
            name = min(full, key=lambda name: (full[name], -statistics.mean(self.shares[name])))
            return name, full[name]
        return max(self.shares, key=lambda name: max(self.shares[name], default=0.0)), None


async def watch(parts: Parts, dsn: str, pool: int, port: int, seconds: float) -> Watched:
    """Watches for so many seconds. `pool` is how many connections the web processes may open."""
    watched = Watched()
    probing = asyncio.create_task(_probe(port, watched.lags))
    try:
        await _sample(parts, dsn, pool, seconds, watched)
    finally:
        probing.cancel()
        await asyncio.gather(probing, return_exceptions=True)
    return watched


async def _sample(parts: Parts, dsn: str, pool: int, seconds: float, watched: Watched) -> None:
    connection = await asyncpg.connect(dsn)
    machine = os.cpu_count() or 1
    began, first = time.monotonic(), _used(parts)
    psutil.cpu_percent()
    watched.pss.append(web_pss(parts))
    try:
        before, then = first, began
        while then - began < seconds:
            await asyncio.sleep(EVERY_S)
            now, used = time.monotonic(), _used(parts)
            rates = {name: (used[name] - before[name]) / (now - then) for name in used}
            busy = await connection.fetchval(_BUSY)
            shares = {
                "the web process": rates["web"] / parts.workers,
                "PostgreSQL": rates["database"] / machine,
                "the connections to the database": busy / pool,
                "the processor, load and others included": psutil.cpu_percent() / 100,
            }
            for name, share in shares.items():
                watched.shares.setdefault(name, []).append(share)
            if len(watched.pss) == 1 and now - began >= seconds / 2:
                watched.pss.append(web_pss(parts))
            before, then = used, now
    finally:
        await connection.close()
    watched.pss.append(web_pss(parts))
    watched.cores = {name: (before[name] - first[name]) / (then - began) for name in before}


def web_pss(parts: Parts) -> int:
    """Returns the memory of the web process and what it started."""
    return pss_bytes(with_children(parts.web))


def _used(parts: Parts) -> dict[str, float]:
    return {
        "web": cpu_s(with_children(parts.web)),
        "database": cpu_s(with_children(parts.database)) if parts.database else 0.0,
        "load": cpu_s([parts.load]),
    }


async def _probe(port: int, lags: list[float]) -> None:
    """Asks for the empty answer again and again, from an address of its own: how long the loop keeps one waiting."""
    wire = Wire(port, "127.2.0.1")
    try:
        while True:
            lags.append((await wire.ask(get_request("/healthz"))).seconds)
            await asyncio.sleep(PROBE_EVERY_S)
    finally:
        wire.close()


def percentile(values: Sequence[float], share: float) -> float:
    """Returns the value that so large a share of them do not exceed; 0 where there are none."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0
