"""How the jobs are doing, for the operator: what waits in the database, and what this process is at."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from directory.clock import Clock
from directory.jobs.worker import Activity, Worker
from directory.members.job_kinds import JobKind
from directory.store.job_counts import DueCount, JobCountStore

FRESH_FOR: Final = timedelta(seconds=5)
"""Counting reads all that is due: however many ask, it is done once in so long."""


class KindGauges(msgspec.Struct, frozen=True):
    """One kind of job. Of all processes: rows that are due (`waiting`, and `held_back` while their host is left
    alone) and how long the oldest has waited, in seconds. Of this process: jobs under way, and those that ended
    with a fault since it started."""

    waiting: int
    held_back: int
    oldest_s: float
    running: int
    failed: int


class JobGauges:
    """Reads only. Counts, no names."""

    def __init__(self, counts: JobCountStore, worker: Worker, clock: Clock) -> None:
        self._counts = counts
        self._worker = worker
        self._clock = clock
        self._counted: Mapping[JobKind, DueCount] = {}
        self._counted_at: datetime | None = None
        self._counting = asyncio.Lock()

    async def current(self) -> dict[JobKind, KindGauges]:
        """All kinds; what waits is at most 5 s old. Raises DirectoryUnavailable."""
        async with self._counting:
            now = self._clock.now()
            if self._counted_at is None or now - self._counted_at > FRESH_FOR:
                self._counted = await self._counts.count_due(now)
                self._counted_at = now
            due = self._counted
        activity = self._worker.activity()
        return {kind: _gauges(due.get(kind), activity.get(kind), now) for kind in JobKind}


def _gauges(due: DueCount | None, activity: Activity | None, now: datetime) -> KindGauges:
    oldest = due.oldest if due is not None else None
    return KindGauges(
        waiting=due.waiting if due is not None else 0,
        held_back=due.held_back if due is not None else 0,
        oldest_s=max((now - oldest).total_seconds(), 0.0) if oldest is not None else 0.0,
        running=activity.running if activity is not None else 0,
        failed=activity.failed if activity is not None else 0,
    )
