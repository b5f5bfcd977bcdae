"""Two instances for the bench of syncing, each a process of its own with a database of its own: one serves a log, one follows."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psutil

from deploy.bench.databases import drop_database, new_database
from deploy.bench.served_log import NAME, restore_files, served_database
from deploy.ports import free_port
from deploy.trial.instances import TrialInstance, starting_instance, wait_until_ready
from deploy.wiring.peers import build_peering
from directory.clock import SystemClock
from directory.networks.http import GuardedClient
from directory.store.database import Database
from federation.keys.instance import log_origin

FOLLOWER: Final = "follower"
FOLLOWER_DATABASE: Final = "passerelle_bench_follower"
LOOK_EVERY_S: Final = 0.05
_NO_LIMITS: Final = {
    "rate_lookups_per_minute": "0",
    "rate_pages_per_minute": "0",
    "rate_pairs_per_minute": "0",
}


class SyncStopped(Exception):
    """The follower stopped before the end, so that there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class Running:
    """A running instance, and its database as the bench has it open."""

    instance: TrialInstance
    database: Database
    process: psutil.Process

    @property
    def origin(self) -> str:
        return log_origin(self.instance.settings)

    def resident_bytes(self) -> int:
        """Returns its present memory."""
        return int(self.process.memory_info().rss)

    def cpu_s(self) -> float:
        """Returns the processor time that it has used."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    async def fetchval(self, sql: str, *values: object) -> Any:
        """Reads one value from its database."""
        async with self.database.connection() as connection:
            return await connection.fetchval(sql, *values, timeout=None)


def database_cpu_s(running: Running) -> float:
    """Returns the processor time of the connections to its database; 0 where they are on another machine."""
    name = urlsplit(running.instance.more["database_url"]).path.removeprefix("/")
    seconds = 0.0
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or ())
        if command.startswith("postgres:") and f" {name} " in command:
            times = process.cpu_times()
            seconds += times.user + times.system
    return seconds


@asynccontextmanager
async def running_follower(admin_dsn: str, **more: str) -> AsyncIterator[Running]:
    """Runs an instance that knows nobody yet. `more` are further settings of its process."""
    dsn = await new_database(admin_dsn, FOLLOWER_DATABASE)
    with tempfile.TemporaryDirectory() as folder:
        async with _running(
            TrialInstance(FOLLOWER, Path(folder) / FOLLOWER, free_port(), more=_settings(dsn) | more)
        ) as running:
            yield running
    await drop_database(admin_dsn, FOLLOWER_DATABASE)


@asynccontextmanager
async def running_server(
    admin_dsn: str, people: int, public_port: int | None = None
) -> AsyncIterator[Running]:
    """Runs an instance whose log has `people` people."""
    dsn = await served_database(admin_dsn, people)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / NAME
        await restore_files(dsn, data)
        instance = TrialInstance(NAME, data, free_port(), public_port, _settings(dsn))
        async with _running(instance) as running:
            yield running


@asynccontextmanager
async def _running(instance: TrialInstance) -> AsyncIterator[Running]:
    with ExitStack() as stack:
        process = stack.enter_context(starting_instance(instance))
        await asyncio.to_thread(wait_until_ready, instance, process)
        database = await Database.connect(instance.more["database_url"], max_connections=2)
        try:
            yield Running(instance, database, psutil.Process(process.pid))
        finally:
            await database.close()


def _settings(dsn: str) -> dict[str, str]:
    return {"database_url": dsn, "log_format": "text", "log_level": "warning", **_NO_LIMITS}


async def make_pair(server: Running, follower: Running) -> None:
    """Has `server` approve `follower`, which then follows it."""
    while not await follower.fetchval("SELECT count(published) FROM log_state"):  # noqa: ASYNC110 - it is in the database
        await asyncio.sleep(LOOK_EVERY_S)
    async with GuardedClient("passerelle-bench", allow_loopback=True) as http:
        theirs = build_peering(server.instance.settings, server.database, SystemClock(), http)
        await theirs.approve(await theirs.introduce(follower.instance.url))
        ours = build_peering(follower.instance.settings, follower.database, SystemClock(), http)
        await ours.add(await ours.introduce(server.instance.url))


@dataclass(frozen=True, slots=True)
class Synced:
    """A first sync: how long it took from the claim of the log to the last body, and the most memory it took."""

    leaves: int
    seconds: float
    peak_bytes: int

    @property
    def per_second(self) -> float:
        return self.leaves / self.seconds


async def first_sync(follower: Running, leaves: int) -> Synced:
    """Watches a first sync of a log of so many leaves to its end. Raises SyncStopped."""
    peak = 0
    while not await follower.fetchval("SELECT coalesce(sum(attempts), 0) FROM peer_log"):  # noqa: ASYNC110 - as above
        await asyncio.sleep(LOOK_EVERY_S)
    started = time.perf_counter()
    while (read := await follower.fetchval("SELECT bodies_size FROM peer_log")) < leaves:
        peak = max(peak, follower.resident_bytes())
        fault = await follower.fetchval("SELECT fault || stopped FROM peer_log")
        if fault:
            raise SyncStopped(f"after {read:,} of {leaves:,} leaves: {fault}")
        await asyncio.sleep(LOOK_EVERY_S)
    return Synced(leaves, time.perf_counter() - started, peak)
