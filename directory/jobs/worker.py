"""Runs the jobs of members until it is told to stop: a loop a kind, beside each other."""

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
"""Grace for running jobs at shutdown: supervisors usually send SIGKILL after 10 s. What takes longer is broken off
and released."""
RELEASE_WITHIN_S: Final = 2.0
"""For releasing what was broken off, where the database is slow or gone; then its lease brings it back."""

log = structlog.get_logger(__name__)


class Activity(NamedTuple):
    """Jobs of one kind in this process: under way now, and ended with a fault since it started."""

    running: int
    failed: int


class Worker:
    """One a process; any number of processes. `wake` may be called before it runs, and from the same loop only."""

    def __init__(self, kinds: Sequence[Kind], watch_hosts: WatchHosts) -> None:
        self._loops = [KindLoop(kind, watch_hosts) for kind in kinds]

    def wake(self) -> None:
        """Something that somebody waits for is due now."""
        for loop in self._loops:
            if loop.kind.is_awaited:
                loop.wake()

    def stop(self) -> None:
        """What is under way is finished, nothing new is taken."""
        for loop in self._loops:
            loop.stop()

    def activity(self) -> Mapping[JobKind, Activity]:
        """What each kind is at."""
        return {loop.kind.name: Activity(loop.running, loop.failed) for loop in self._loops}

    async def run(self) -> None:
        """Until `stop`, or until it is cancelled: then what is under way is broken off and released."""
        # No task group: the end of one loop, which would be a bug, must not end the others.
        results = await asyncio.gather(*(loop.run() for loop in self._loops), return_exceptions=True)
        for result in results:
            if result is not None:
                raise result

    async def drain(self) -> None:
        """Does all that is due now, once: for commands and tests."""
        for loop in self._loops:
            await loop.drain()


@asynccontextmanager
async def running_worker(worker: Worker, *, is_on: bool = True) -> AsyncIterator[None]:
    """Runs it beside the block; at the end it finishes what is under way, or releases it."""
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
