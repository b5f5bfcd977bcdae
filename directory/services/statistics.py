"""Tells how many are in the directory. Counting reads the whole table, so it is done seldom, and by one process for all."""

import asyncio
import time
from datetime import datetime, timedelta
from typing import Final

import structlog

from directory.clock import Clock
from directory.errors import DirectoryUnavailable
from directory.statistics import Statistics
from directory.store.statistics import KeptCount, StatisticsStore

log = structlog.get_logger(__name__)

FRESH_FOR: Final = timedelta(seconds=10)
COUNTING_SHARE: Final = 0.01
"""Counting takes at most this share of the time, however large the directory grows: of a million people some five minutes lie
between two counts."""
AT_HAND_S: Final = 0.5
"""How long a page waits for the very first count."""
RENEWED_WITHIN_S: Final = 2.0
"""How long who asks for counts alone waits for newer ones."""
COUNTED_WITHIN_S: Final = 30.0
"""How long they wait for the very first count."""
LOOK_AGAIN_AFTER: Final = timedelta(seconds=5)
"""After a count that failed, or while another process is counting."""


class StatisticsService:
    """Has the last count at hand, and renews it beside whoever asks."""

    def __init__(self, store: StatisticsStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._kept: KeptCount | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._looked_at: datetime | None = None
        """When a fresh count was last looked for and not found."""
        self._failed_at: datetime | None = None
        self._rests_for = LOOK_AGAIN_AFTER
        """After a count that failed here. What others count is looked for meanwhile."""

    async def current(self) -> Statistics:
        """Returns a fresh count where it can be had soon, else the one before. Where nothing was ever counted it
        waits longer. Raises DirectoryUnavailable."""
        if (renewing := self._renew()) is not None:
            await asyncio.wait([renewing], timeout=RENEWED_WITHIN_S)
            if self._kept is None:
                await asyncio.wait([renewing], timeout=COUNTED_WITHIN_S)
        if self._kept is None:
            raise DirectoryUnavailable("nobody was counted yet: that failed a moment ago, or is under way")
        return self._kept.statistics

    async def at_hand(self, wait_s: float = AT_HAND_S) -> Statistics | None:
        """Returns the last count at once, and renews it beside that where it is stale. Before the first one it waits
        a moment. Returns None while there is none, for a page that must not wait and not fail."""
        renewing = self._renew()
        if renewing is not None and self._kept is None:
            await asyncio.wait([renewing], timeout=wait_s)
        return None if self._kept is None else self._kept.statistics

    def _renew(self) -> asyncio.Task[None] | None:
        """Returns the task that renews the count. Returns None where there is nothing to do for now."""
        if self._renewing is not None and not self._renewing.done():
            return self._renewing
        now = self._clock.now()
        if _is_fresh(self._kept, now) or _is_within(LOOK_AGAIN_AFTER, self._looked_at, now):
            return None
        self._looked_at = now
        self._renewing = asyncio.create_task(self._find_or_count(now))
        self._renewing.add_done_callback(_look_at)
        return self._renewing

    async def _find_or_count(self, now: datetime) -> None:
        self._kept = await self._store.find_kept() or self._kept
        if not _is_fresh(self._kept, now) and not _is_within(self._rests_for, self._failed_at, now):
            self._kept = await self._count(now) or self._kept
        if _is_fresh(self._kept, now):
            self._looked_at = None

    async def _count(self, now: datetime) -> KeptCount | None:
        started = time.perf_counter()
        try:
            # The very first count of another process is waited for: there is nothing to tell meanwhile.
            return await self._store.count(now, waits=self._kept is None)
        except Exception:  # whatever it was, it is told on, and met again as seldom
            self._failed_at, self._rests_for = now, _pause_after(time.perf_counter() - started)
            raise


def _look_at(renewed: asyncio.Task[None]) -> None:
    """Takes note of what a task has met, which nobody may have waited for."""
    if renewed.cancelled() or (error := renewed.exception()) is None:
        return
    unexpected = None if isinstance(error, DirectoryUnavailable) else error
    log.warning("who is in the directory was not counted", error=str(error), exc_info=unexpected)


def _is_fresh(kept: KeptCount | None, now: datetime) -> bool:
    """Whether a count is not to be renewed yet. One of the future was made by a clock that ran ahead."""
    if kept is None:
        return False
    return abs(now - kept.statistics.counted_at) <= max(FRESH_FOR, _pause_after(kept.took_s))


def _pause_after(took_s: float) -> timedelta:
    """Returns how long nothing is counted after a count, or one that failed, that took so long."""
    return max(LOOK_AGAIN_AFTER, timedelta(seconds=took_s / COUNTING_SHARE))


def _is_within(pause: timedelta, since: datetime | None, now: datetime) -> bool:
    """Whether a pause is not over yet. A clock that was set back ends it."""
    return since is not None and abs(now - since) < pause
