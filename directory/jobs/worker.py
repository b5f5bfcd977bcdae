"""Runs the jobs of members until it is stopped, in one loop a kind."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import structlog

from directory.jobs.host_watch import WatchHosts
from directory.jobs.kinds import Kind
from directory.jobs.loop import KindLoop
from directory.members.job_kinds import JobKind

FINISH_WITHIN_S: Final = 3.0
"""Grace for running jobs at shutdown: supervisors usually send SIGKILL after 10 s. Jobs that take longer are
interrupted and released."""
RELEASE_WITHIN_S: Final = 2.0
"""For releasing interrupted jobs, where the database is slow or gone. Other rows are due when their lease ends."""
CLAIMS_AT_ONCE: Final = 1
"""Of all kinds together: each needs a connection, and holds it for milliseconds."""
APART_S: Final = 0.1
"""Between the first claims of two kinds, which otherwise would all look at the same moment."""

log = structlog.get_logger(__name__)


class Activity(NamedTuple):
    """Jobs of one kind in this process: how many run now, and how many have failed since it started."""

    running: int
    failed: int


class Worker:
    """Runs all kinds, once a process, in any number of processes.

    `wake` may be called before `run`, and only from the same event loop.
    """

    def __init__(self, kinds: Sequence[Kind], watch_hosts: WatchHosts) -> None:
        places = asyncio.Semaphore(CLAIMS_AT_ONCE)
        self._loops = [KindLoop(kind, watch_hosts, places) for kind in kinds]

    def wake(self) -> None:
        """Has the kinds that a member waits for claim at once."""
        for loop in self._loops:
            if loop.kind.is_awaited:
                loop.wake()

    def stop(self) -> None:
        """Stops claiming; `run` ends when the running jobs have ended."""
        for loop in self._loops:
            loop.stop()

    def activity(self) -> Mapping[JobKind, Activity]:
        """Returns how many jobs of each kind run and have failed."""
        return {loop.kind.name: Activity(loop.running, loop.failed) for loop in self._loops}

    async def run(self) -> None:
        """Runs until `stop`, or until it is cancelled: then the running jobs are interrupted and released."""
        # No task group: the end of one loop, which would be a bug, must not end the others.
        starts = (_run(loop, number * APART_S) for number, loop in enumerate(self._loops))
        results = await asyncio.gather(*starts, return_exceptions=True)
        for result in results:
            if result is not None:
                raise result

    async def drain(self) -> None:
        """Runs all that is due now, once: for commands and tests."""
        for loop in self._loops:
            await loop.drain()


async def _run(loop: KindLoop, after_s: float) -> None:
    try:
        await loop.run(after_s)
    except Exception:
        # At once: the other kinds go on, and nobody would see that this one has ended.
        log.exception("the jobs of a kind have ended, which is a bug", kind=loop.kind.name)
        raise


@asynccontextmanager
async def running_worker(worker: Worker, *, is_on: bool = True) -> AsyncIterator[None]:
    """Runs the worker beside the block; at the end finishes the running jobs, or releases them."""
    if not is_on:
        yield
        return
    task = asyncio.create_task(worker.run(), name="jobs")
    try:
        yield
    finally:
        worker.stop()
        _, late = await asyncio.wait({task}, timeout=FINISH_WITHIN_S)
        if late:
            log.info("jobs are broken off, and go on at the next start")
            task.cancel()
            await asyncio.wait(late, timeout=RELEASE_WITHIN_S)
        if task.done() and not task.cancelled():
            task.result()
