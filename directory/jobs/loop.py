"""The loop of one kind of job: claims rows for the free slots, and refills each slot as its job ends."""

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Final

import structlog

from directory.errors import DirectoryUnavailable
from directory.jobs.host_watch import WatchHosts
from directory.jobs.kinds import Kind, Work
from directory.networks.callers import JOBS, called_by
from directory.networks.contacts import contacts_told_to

MAX_RUNNING_A_HOST: Final = 2
"""Rows of one kind that one process runs against one host, so that a slow host does not delay the rows of others."""
PLACE_WITHIN_S: Final = 1.0
"""How long a kind waits for the claims of others, each of which takes milliseconds."""
AFTER_FAILURE_S: Final = 10.0
"""How long a kind claims nothing after a claim that failed, and a slot stays empty after a job that failed."""

log = structlog.get_logger(__name__)


class KindLoop:
    """Runs the jobs of one kind. `running` counts the jobs that run now, `failed` those that have failed."""

    def __init__(self, kind: Kind, watch_hosts: WatchHosts, claiming: asyncio.Semaphore) -> None:
        """`claiming` has the places for claims of all kinds."""
        self.kind = kind
        self.running = 0
        self.failed = 0
        self._watch_hosts = watch_hosts
        self._claiming = claiming
        self._slots: dict[asyncio.Task[None], tuple[str, ...]] = {}
        self._due = asyncio.Event()
        self._stopping = asyncio.Event()
        self._filling = asyncio.Lock()
        """Held from a claim to the start of its job."""
        self._at_work: set[asyncio.Task[None]] = set()
        """The tasks of slots whose job has not ended."""
        self._idle = asyncio.Event()
        self._idle.set()

    def wake(self) -> None:
        """Has the loop claim at once: something may be due."""
        self._due.set()

    def stop(self) -> None:
        """Stops claiming; `run` ends when the running jobs have ended."""
        self._stopping.set()
        self._due.set()

    async def run(self, after_s: float = 0.0) -> None:
        """Runs until `stop`, or until it is cancelled: then the running jobs are interrupted and released.

        Begins after so many seconds, at once where it is woken. A claim that fails, and a job that fails, raise nothing here.
        """
        try:
            if after_s:
                await _wait(self._due, after_s)
            while not self._stopping.is_set():
                self._due.clear()
                if await self._fill():
                    await _wait(self._due, self.kind.every_s)
                else:
                    await _wait(self._stopping, AFTER_FAILURE_S)
            await self._end()
        finally:
            for task in self._slots:
                task.cancel()
            await self._end()

    async def drain(self) -> None:
        """Runs all that is due now, one job after the other, and waits for what `run` has begun beside it."""
        while work := await self.kind.claim(()):
            await self._do(work)
            if not self.kind.is_refilled:
                break
        async with self._filling:
            pass  # what was claimed there has started now
        await self._idle.wait()

    async def _fill(self) -> bool:
        """Claims work for all free slots. Returns False where the database is unavailable or the claim failed."""
        try:
            while len(self._slots) < self.kind.slots and not self._stopping.is_set():
                async with self._filling:
                    work = await self._claim()
                    if work is None:
                        break
                    self._start(work)
        except DirectoryUnavailable as error:
            log.warning("the jobs wait for the database", kind=self.kind.name, reason=str(error))
            return False
        except Exception:
            # A bug in one claim must not end its kind for good: then nothing of it would be checked or revoked.
            log.exception("the jobs of a kind pause after a fault", kind=self.kind.name)
            return False
        return True

    async def _claim(self) -> Work | None:
        """Claims when there is a place, or when none came free for a while: claims of other kinds that hang hold nobody
        up."""
        try:
            async with asyncio.timeout(PLACE_WITHIN_S):
                await self._claiming.acquire()
        except TimeoutError:
            return await self.kind.claim(self._busy_hosts())
        try:
            return await self.kind.claim(self._busy_hosts())
        finally:
            self._claiming.release()

    def _busy_hosts(self) -> list[str]:
        running = Counter(host for hosts in self._slots.values() for host in set(hosts))
        return [host for host, count in running.items() if count >= MAX_RUNNING_A_HOST]

    def _start(self, work: Work) -> None:
        task = asyncio.create_task(self._fill_slot(work), name=f"job: {self.kind.name}")
        self._slots[task] = work.hosts
        self._at_work.add(task)
        self._idle.clear()
        task.add_done_callback(self._empty_slot)

    def _empty_slot(self, task: asyncio.Task[None]) -> None:
        del self._slots[task]
        self._note_ended(task)
        if self.kind.is_refilled:
            self._due.set()

    async def _fill_slot(self, work: Work) -> None:
        """Runs a job in a slot. After a failure the slot stays empty for a while, to slow down repeated failures."""
        has_succeeded = await self._do(work)
        if (task := asyncio.current_task()) is not None:
            self._note_ended(task)
        if not has_succeeded:
            await _wait(self._stopping, AFTER_FAILURE_S)

    def _note_ended(self, task: asyncio.Task[None]) -> None:
        self._at_work.discard(task)
        if not self._at_work:
            self._idle.set()

    async def _do(self, work: Work) -> bool:
        """Runs a job. Returns False where it failed: its row is due again when the lease ends."""
        self.running += 1
        try:
            await self._run(work)
        except asyncio.CancelledError:
            await self._release(work)
            raise
        except DirectoryUnavailable as error:
            log.warning("a job found no database", kind=self.kind.name, reason=str(error))
        except TimeoutError:
            log.warning("a job took too long, and was broken off", kind=self.kind.name)
        except Exception:
            log.exception("a job failed and will be tried again", kind=self.kind.name)
        else:
            return True
        finally:
            self.running -= 1
        self.failed += 1
        return False

    async def _run(self, work: Work) -> None:
        watch = self._watch_hosts()
        try:
            with contacts_told_to(watch), called_by(JOBS):
                async with asyncio.timeout(self.kind.limit_s):
                    await work.run()
        except Exception:
            await watch.record()
            raise
        await watch.record()

    async def _release(self, work: Work) -> None:
        try:
            await work.release()
        except Exception:
            log.exception("a job could not be released: its lease brings it back", kind=self.kind.name)

    async def _end(self) -> None:
        """Waits until all running jobs have ended."""
        if self._slots:
            await asyncio.wait(self._slots)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
