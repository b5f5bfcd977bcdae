"""Gauges of the jobs, for the operator: what is due in the database, and what this process runs."""

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
"""Counting reads every due row, so it is done at most once in this time."""


class KindGauges(msgspec.Struct, frozen=True):
    """The gauges of one kind of job.

    Of all processes: due rows that can be claimed (`waiting`), how long the oldest of these has waited, in seconds,
    and due rows whose host is left alone (`held_back`). Of this process: running jobs, and jobs that have failed since it
    started.
    """

    waiting: int
    held_back: int
    oldest_s: float
    running: int
    failed: int


class JobGauges:
    """Reads the gauges. Changes nothing; counts, no names."""

    def __init__(self, counts: JobCountStore, worker: Worker, clock: Clock) -> None:
        self._counts = counts
        self._worker = worker
        self._clock = clock
        self._counted: Mapping[JobKind, DueCount] = {}
        self._counted_at: datetime | None = None
        self._counting = asyncio.Lock()

    async def current(self) -> dict[JobKind, KindGauges]:
        """Returns the gauges of all kinds; the counts of due rows are at most 5 s old. Raises DirectoryUnavailable."""
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
