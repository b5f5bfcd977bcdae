"""Runs the jobs of members until it is told to stop: what is due now, then a pause, sooner where somebody waits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog

from directory.errors import DirectoryUnavailable
from directory.jobs.catalogue import Jobs

EVERY_S: Final = 2.0
"""A pause between two looks for what is due. Whoever hands something in ends it."""
SELDOM_EVERY_S: Final = 30.0
TIDY_EVERY_S: Final = 300.0
AFTER_FAILURE_S: Final = 10.0
FINISH_WITHIN_S: Final = 3.0
"""What is under way may take so long once the process is told to end: ten seconds in all is what most who
start processes grant. What takes longer is broken off, and is due again."""

log = structlog.get_logger(__name__)


class Worker:
    """One a process; any number of processes. `wake` may be called before it runs, and from the same loop only."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._due = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """Something is due now."""
        self._due.set()

    def stop(self) -> None:
        """What is under way is finished, nothing new is taken."""
        self._stopping = True
        self._due.set()

    async def run(self) -> None:
        """Until `stop`. Never raises for what can pass."""
        loop = asyncio.get_running_loop()
        seldom = tidy = 0.0
        while not self._stopping:
            self._due.clear()
            jobs: list[Callable[[], Awaitable[int]]] = [
                self._jobs.check_posts,
                self._jobs.check_links,
                self._jobs.revoke,
            ]
            if loop.time() >= seldom:
                jobs.append(self._jobs.look_again)
                seldom = loop.time() + SELDOM_EVERY_S
            if loop.time() >= tidy:
                jobs.append(self._jobs.tidy)
                tidy = loop.time() + TIDY_EVERY_S
            await self._pause(await self._do(jobs))

    async def drain(self) -> None:
        """Does all that is due now, once: for commands and tests."""
        jobs = self._jobs
        for job in (jobs.check_posts, jobs.check_links, jobs.revoke, jobs.look_again):
            while await job():
                pass
        await self._jobs.tidy()

    async def _do(self, jobs: list[Callable[[], Awaitable[int]]]) -> float:
        """How long to pause after it: not at all where more may be due."""
        took = 0
        try:
            for job in jobs:
                if not self._stopping:
                    took += await job()
        except DirectoryUnavailable as error:
            log.warning("the jobs wait for the database", reason=str(error))
            return AFTER_FAILURE_S
        except Exception:
            # A bug in one job, of whatever kind, must not end all jobs for good: no checks, no revocations.
            log.exception("the jobs pause after a fault")
            return AFTER_FAILURE_S
        return 0.0 if took else EVERY_S

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._due.wait()


@asynccontextmanager
async def running_worker(worker: Worker, *, is_on: bool = True) -> AsyncIterator[None]:
    """Runs it beside the block; at the end it finishes what is under way, or gives it back."""
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
            await asyncio.wait(late)
        if not task.cancelled():
            task.result()
