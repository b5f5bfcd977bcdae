"""Slots of a kind: refilled one by one, shared between hosts, and independent of other kinds that fail or hang."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import pytest
from structlog.testing import capture_logs

from directory.errors import DirectoryUnavailable
from directory.jobs.host_watch import HostWatch
from directory.jobs.kinds import Kind, Work
from directory.jobs.loop import MAX_RUNNING_A_HOST
from directory.jobs.worker import Worker, running_worker
from directory.members.job_kinds import JobKind
from directory.store.database import Database
from directory.store.host_backoff import HostBackoffStore
from tests.harness.clock import FakeClock

PATIENCE_S: Final = 20
"""For what is to happen at once, on a busy machine."""
NEVER_S: Final = 3_600.0
"""A pause longer than any test: whatever happens before its end has another cause."""


class Job:
    """One row: it runs until a test lets it end, and records its outcome."""

    def __init__(self, name: str, *hosts: str) -> None:
        self.name = name
        self.hosts = hosts
        self.started = asyncio.Event()
        self.may_end = asyncio.Event()
        self.ended = asyncio.Event()
        self.broken_off = asyncio.Event()
        self.released = asyncio.Event()
        self.failure: Exception | None = None
        self.release_failure: Exception | None = None

    async def run(self) -> None:
        self.started.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.broken_off.set()
            raise
        self.ended.set()
        if self.failure is not None:
            raise self.failure

    async def release(self) -> None:
        self.released.set()
        if self.release_failure is not None:
            raise self.release_failure


class Queue:
    """The rows of a kind. `failures` are raised by the next claims."""

    def __init__(self, *jobs: Job) -> None:
        self.jobs = deque(jobs)
        self.claims = 0
        self.claimed = asyncio.Semaphore(0)
        self.failures: deque[Exception] = deque()

    async def claim(self, busy: Collection[str]) -> Work | None:
        self.claims += 1
        self.claimed.release()
        if self.failures:
            raise self.failures.popleft()
        for job in self.jobs:
            if not set(job.hosts) & set(busy):
                self.jobs.remove(job)
                return Work(run=job.run, release=job.release, hosts=job.hosts)
        return None

    def kind(self, name: JobKind = JobKind.POSTS, *, slots: int = 2, limit_s: float = NEVER_S) -> Kind:
        return Kind(
            name=name, claim=self.claim, slots=slots, limit_s=limit_s, every_s=NEVER_S, is_awaited=True
        )


Run = Callable[..., "asyncio.Task[None]"]


@pytest.fixture
def work(database: Database, clock: FakeClock) -> Callable[..., Worker]:
    """Makes a worker for some kinds."""

    def make(*kinds: Kind) -> Worker:
        return Worker(kinds, partial(HostWatch, HostBackoffStore(database), clock, frozenset[str]()))

    return make


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator["asyncio.Task[None]"]:
    """Runs a worker, interrupted at the end of the block in any case."""
    task = asyncio.create_task(worker.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def soon(*awaited: Awaitable[object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*awaited)


async def started(*jobs: Job) -> None:
    await soon(*(job.started.wait() for job in jobs))


async def settle() -> None:
    """Waits until every task that can run has run."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_claims_that_hang_hold_no_other_kind_up(work: Callable[..., Worker]) -> None:
    """Attack: claims take turns, to spare connections. A table that is locked must not stop all jobs."""

    async def hang(busy: Collection[str]) -> Work | None:
        await asyncio.sleep(NEVER_S)
        return None

    hung = [
        Kind(name=name, claim=hang, slots=1, limit_s=NEVER_S, every_s=NEVER_S)
        for name in (JobKind.LINKS, JobKind.CLAIMS, JobKind.ARRIVALS)
    ]
    job = Job("a")
    async with running(work(*hung, Queue(job).kind())):
        await started(job)


async def test_claims_that_fail_give_their_places_back(work: Callable[..., Worker]) -> None:
    queues = [Queue() for _ in range(4)]
    for queue in queues:
        queue.failures.append(RuntimeError("a bug"))
    job, names = Job("a"), (JobKind.LINKS, JobKind.CLAIMS, JobKind.ARRIVALS, JobKind.FOLLOWS)
    with capture_logs():
        async with running(
            work(*(queue.kind(name) for queue, name in zip(queues, names, strict=True)), Queue(job).kind())
        ):
            await started(job)


async def test_slots_are_refilled_one_by_one(work: Callable[..., Worker]) -> None:
    """Attack: one server that never answers must not keep those that come after it waiting for its batch."""
    slow, *quick = (Job(name) for name in "abcdef")
    async with running(work(Queue(slow, *quick).kind(slots=2))):
        for before, job in zip([None, *quick], quick, strict=False):
            await started(job)
            assert before is None or before.ended.is_set()
            assert not any(each.started.is_set() for each in quick[quick.index(job) + 1 :])
            job.may_end.set()
        await soon(quick[-1].ended.wait())
        assert not slow.ended.is_set()


async def test_a_kind_that_hangs_delays_no_other(work: Callable[..., Worker]) -> None:
    hanging = [Job("never", "hostile.example") for _ in range(5)]
    waited_for = Job("awaited")
    rechecks, posts = Queue(*hanging), Queue()
    worker = work(rechecks.kind(JobKind.RECHECKS, slots=2), posts.kind(JobKind.POSTS))
    async with running(worker):
        await started(*hanging[:2])
        posts.jobs.append(waited_for)
        worker.wake()
        await started(waited_for)
        assert worker.activity()[JobKind.RECHECKS].running == 2
        assert worker.activity()[JobKind.POSTS].running == 1


async def test_one_host_takes_no_more_than_its_share(work: Callable[..., Worker]) -> None:
    """Attack: fifty rows of one slow server are due before anybody else's."""
    slow = [Job(f"slow{number}", "slow.example") for number in range(50)]
    others = [Job(f"other{number}", f"other{number}.example") for number in range(3)]
    async with running(work(Queue(*slow, *others).kind(slots=8))):
        await started(*others)
        await settle()
        assert sum(job.started.is_set() for job in slow) == MAX_RUNNING_A_HOST
        slow[0].may_end.set()
        await started(slow[2])
        assert sum(job.started.is_set() for job in slow) == MAX_RUNNING_A_HOST + 1


async def test_a_job_that_asks_several_hosts_waits_for_each(work: Callable[..., Worker]) -> None:
    first, second = Job("first", "slow.example"), Job("second", "slow.example", "slow.example")
    both = Job("both", "quick.example", "slow.example")
    async with running(work(Queue(first, second, both).kind(slots=8))):
        await started(first, second)
        await settle()
        assert not both.started.is_set()
        second.may_end.set()
        await started(both)


async def test_a_claim_that_fails_pauses_its_kind_alone(work: Callable[..., Worker]) -> None:
    broken, well = Queue(Job("never")), Queue()
    broken.failures.append(ValueError("a bug"))
    jobs = [Job(name) for name in "abcdef"]
    worker = work(broken.kind(JobKind.LINKS), well.kind())
    with capture_logs() as said:
        async with running(worker) as task:
            for job in jobs:
                well.jobs.append(job)
                worker.wake()
                await started(job)
                job.may_end.set()
                await soon(job.ended.wait())
            assert broken.claims == 1, "it pauses, though it was woken"
            assert not task.done()
    assert Counter(line["event"] for line in said) == {"the jobs of a kind pause after a fault": 1}
    assert said[0]["kind"] == "links"


async def test_a_job_that_raises_pauses_its_slot_alone(work: Callable[..., Worker]) -> None:
    """Attack: a row that meets a bug each time. The others of its kind go on, and no loop turns hot."""
    faulty = Job("faulty")
    faulty.failure = KeyError("a bug")
    faulty.may_end.set()
    others = [Job(name) for name in "abc"]
    worker = work(Queue(faulty, *others).kind(slots=2))
    with capture_logs() as said:
        async with running(worker):
            for before, job in zip([faulty, *others], others, strict=False):
                await started(job)
                await settle()
                assert before.ended.is_set()
                assert sum(each.started.is_set() and not each.ended.is_set() for each in others) == 1
                job.may_end.set()
            await soon(others[-1].ended.wait())
            assert worker.activity()[JobKind.POSTS].failed == 1
            assert not faulty.released.is_set(), "its lease brings it back, and its attempt counts"
    assert [line["event"] for line in said] == ["a job failed and will be tried again"]


async def test_a_database_that_is_gone_is_waited_for(work: Callable[..., Worker]) -> None:
    """By all kinds, quietly, and no loop ends."""
    queue = Queue(Job("a"))
    queue.failures.append(DirectoryUnavailable("the database did not answer"))
    with capture_logs() as said:
        async with running(work(queue.kind())) as task:
            await soon(queue.claimed.acquire())
            await settle()
            assert not task.done()
            assert queue.claims == 1
    assert [(line["event"], line["log_level"]) for line in said] == [
        ("the jobs wait for the database", "warning")
    ]


async def test_a_job_that_hangs_is_broken_off(work: Callable[..., Worker]) -> None:
    hanging, after = Job("hanging"), Job("after")
    worker = work(Queue(hanging).kind(JobKind.LINKS, slots=1, limit_s=0.01), Queue(after).kind())
    with capture_logs() as said:
        async with running(worker):
            await soon(hanging.broken_off.wait())
            await settle()
            assert worker.activity()[JobKind.LINKS] == (0, 1)
            assert not hanging.ended.is_set()
            assert not hanging.released.is_set(), "else it would be due again at once, for ever"
    assert [line["event"] for line in said] == ["a job took too long, and was broken off"]


async def test_told_to_end_it_takes_nothing_new_and_finishes(work: Callable[..., Worker]) -> None:
    under_way, waiting = Job("under way"), Job("waiting")
    queue = Queue(under_way, waiting)
    worker = work(queue.kind(slots=1))
    async with running(worker) as task:
        await started(under_way)
        worker.stop()
        under_way.may_end.set()
        await soon(asyncio.wait({task}))
        assert task.exception() is None
    assert under_way.ended.is_set()
    assert not under_way.released.is_set()
    assert not waiting.started.is_set()


async def test_broken_off_all_kinds_are_released(work: Callable[..., Worker]) -> None:
    """What did not end within the grace: each row is given back, whatever its kind, and one that cannot be
    does not keep the others."""
    jobs = {kind: [Job(f"{kind} {number}") for number in range(2)] for kind in JobKind}
    worker = work(*(Queue(*jobs[kind]).kind(kind) for kind in JobKind))
    refuses = jobs[JobKind.POSTS][0]
    refuses.release_failure = DirectoryUnavailable("the database did not answer")
    with capture_logs() as said:
        async with running(worker) as task:
            await started(*(job for each in jobs.values() for job in each))
            task.cancel()
            await soon(asyncio.wait({task}))
            assert task.cancelled()
    assert all(job.released.is_set() for each in jobs.values() for job in each)
    assert not any(job.ended.is_set() for each in jobs.values() for job in each)
    assert [line["event"] for line in said] == ["a job could not be released: its lease brings it back"]


async def test_a_slot_that_pauses_keeps_no_end_waiting(work: Callable[..., Worker]) -> None:
    faulty = Job("faulty")
    faulty.failure = ValueError("a bug")
    faulty.may_end.set()
    worker = work(Queue(faulty).kind())
    with capture_logs():
        async with running_worker(worker):
            await soon(faulty.ended.wait())
            await settle()
    assert not faulty.released.is_set()


class LateQueue(Queue):
    """A queue whose job comes just after the first claim has found none."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.wake: Callable[[], None]
        self._late = job

    async def claim(self, busy: Collection[str]) -> Work | None:
        found = await super().claim(busy)
        if self.claims == 1:
            self.jobs.append(self._late)
            self.wake()
        return found


async def test_a_wake_that_comes_too_early_is_not_lost(work: Callable[..., Worker]) -> None:
    """It comes while the loop is just finding nothing: the next claim is made at once all the same."""
    job = Job("late")
    queue = LateQueue(job)
    worker = work(queue.kind())
    queue.wake = worker.wake
    async with running(worker):
        await started(job)


async def test_draining_does_all_that_is_due_and_is_quiet_about_the_rest(
    work: Callable[..., Worker],
) -> None:
    jobs = [Job(name) for name in "abc"]
    for job in jobs:
        job.may_end.set()
    await soon(work(Queue(*jobs).kind(slots=1)).drain())
    assert all(job.ended.is_set() for job in jobs)


async def test_draining_waits_for_what_runs_already(work: Callable[..., Worker]) -> None:
    """A worker beside it had claimed the row a moment before: what was to be done was not done when the drain returned."""
    job = Job("claimed")
    worker = work(Queue(job).kind())
    async with running(worker):
        await started(job)
        draining = asyncio.create_task(worker.drain())
        await settle()
        assert not draining.done()
        job.may_end.set()
        await soon(draining)
    assert job.ended.is_set()
