"""Measures memory: of an idle instance with its embedded database, and what large lists leave behind."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import psutil

from deploy.bench.databases import copied_database, drop_database, name_of
from deploy.bench.directory import demo_database
from deploy.bench.launch.browser import Browser, Trip
from deploy.bench.processes import database_server, pss_bytes, with_children
from deploy.bench.results import Result
from deploy.embedded.folders import Folders
from deploy.embedded.processes import read_pid_file
from deploy.ports import free_port
from deploy.trial.instances import TrialInstance, starting_instance, wait_until_ready
from directory.demo import World

DATABASE: Final = "passerelle_bench_memory"
SETTLED_S: Final = 90.0
"""After the start: connections that it needed, and nothing since, are closed by then."""
TARGET_IDLE_BYTES: Final = 120_000_000
TARGET_LEFT_BYTES: Final = 20_000_000
LIST_PAIRS: Final = 100_000
SMALL_PAIRS: Final = 1_000
FOUND: Final = 3
"""One of so many on a list is in the directory."""
AFTER_S: Final = 5.0
"""After the answer to a list, before what is left of it is measured."""
LISTS: Final = 3
"""One after the other: what grows with each would be seen."""


class ListRefused(Exception):
    """The instance did not answer a list, so that there is nothing to measure."""


async def bench_memory(
    admin_dsn: str,
    people: int,
    settled_s: float = SETTLED_S,
    pairs: int = LIST_PAIRS,
    after_s: float = AFTER_S,
) -> list[Result]:
    """Measures both, the second over a directory of so many people."""
    return [await _idle(settled_s), await _after_lists(admin_dsn, people, pairs, after_s)]


async def _idle(settled_s: float) -> Result:
    async with _instance({}, is_started_before=True) as (instance, process):
        await asyncio.sleep(settled_s)
        web = pss_bytes(with_children(process))
        postmaster = read_pid_file(Folders(instance.data).cluster)
        if postmaster is None:
            raise RuntimeError("the instance has no database of its own")
        database = pss_bytes(with_children(psutil.Process(postmaster.pid)))
    return Result(
        "memory of an idle instance with its PostgreSQL (PSS: what is shared is counted once)",
        f"{(web + database) / 1e6:.0f} MB",
        f"{TARGET_IDLE_BYTES / 1e6:.0f} MB; the instance {web / 1e6:.0f}, PostgreSQL {database / 1e6:.0f}",
        (web + database) / TARGET_IDLE_BYTES,
        1.0,
    )


async def _after_lists(admin_dsn: str, people: int, pairs: int, after_s: float) -> Result:
    source = await demo_database(admin_dsn, people)
    dsn = await copied_database(admin_dsn, name_of(source), DATABASE)
    try:
        async with _instance({"database_url": dsn}) as (instance, process):
            await _send(instance.port, people, SMALL_PAIRS, 0)
            before = await _held(process, dsn, after_s)
            after = []
            for number in range(1, LISTS + 1):
                await _send(instance.port, people, pairs, number)
                after.append(await _held(process, dsn, after_s))
    finally:
        await drop_database(admin_dsn, DATABASE)
    told = ", ".join(f"{(held - before) / 1e6:+.0f}" for held in after)
    return Result(
        f"memory after {LISTS} lists of {pairs:,}, beyond that before",
        f"{(after[-1] - before) / 1e6:.0f} MB",
        f"{TARGET_LEFT_BYTES / 1e6:.0f} MB; {before / 1e6:.0f} MB before, after each {told} (PostgreSQL without its shared pages)",
        (after[-1] - before) / TARGET_LEFT_BYTES,
        1.0,
    )


@asynccontextmanager
async def _instance(
    more: dict[str, str], *, is_started_before: bool = False
) -> AsyncIterator[tuple[TrialInstance, psutil.Process]]:
    """`is_started_before`: the first start, which makes keys and tables, is another process."""
    with _folder() as folder:
        settings = {"log_format": "text", "log_level": "warning", **more}
        instance = TrialInstance("memory", folder / "data", free_port(), more=settings)
        if is_started_before:
            with starting_instance(instance) as process:
                await asyncio.to_thread(wait_until_ready, instance, process)
        with starting_instance(instance) as process:
            await asyncio.to_thread(wait_until_ready, instance, process)
            yield instance, psutil.Process(process.pid)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)  # as root, the database runs as a user of its own, who has to come through
        yield folder


async def _send(port: int, people: int, pairs: int, number: int) -> None:
    """Sends a list as the script of the first page does, each from another address. Raises ListRefused."""
    world, random_ = World(0), random.Random(number)
    lines = "\n".join(f"{world.x_id(random_.randrange(people * FOUND))},,f" for _ in range(pairs))
    trip = Trip()
    browser = Browser(port, f"127.3.0.{number + 1}", trip)
    try:
        if await browser.send_list(lines) is None:
            raise ListRefused(f"{trip.statuses}, {trip.troubles}")
    finally:
        browser.close()


async def _held(process: psutil.Process, dsn: str, after_s: float) -> int:
    await asyncio.sleep(after_s)
    server = await database_server(dsn)
    database = pss_bytes(with_children(server), without_shared=True) if server is not None else 0
    return pss_bytes(with_children(process)) + database
