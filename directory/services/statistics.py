"""Counts the people in the directory, at most once in five minutes."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import msgspec

from directory.clock import Clock
from directory.errors import DirectoryUnavailable
from directory.store.statistics import StatisticsStore

FRESH_FOR: Final = timedelta(minutes=5)
AT_HAND_S: Final = 0.5
"""How long a page waits for the very first count."""


class Statistics(msgspec.Struct, frozen=True):
    """Counts of the mappings that answered at a moment; `people` counts X accounts, by id or, lacking one, by
    handle."""

    mappings: int
    people: int
    by_network: dict[str, int]
    by_strength: dict[str, int]
    by_origin: dict[str, int]
    origins: int
    counted_at: datetime


class StatisticsService:
    """Counts at most once in five minutes, however many ask: counting reads the whole table."""

    def __init__(self, store: StatisticsStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._counted: Statistics | None = None
        self._counting = asyncio.Lock()
        self._renewing: asyncio.Task[Statistics] | None = None

    async def current(self) -> Statistics:
        """Returns the last count, or a new one where that is stale. Raises DirectoryUnavailable."""
        async with self._counting:
            now = self._clock.now()
            if self._counted is None or now - self._counted.counted_at > FRESH_FOR:
                self._counted = await self._count(now)
            return self._counted

    async def at_hand(self, wait_s: float = AT_HAND_S) -> Statistics | None:
        """Returns the last count at once, and renews it beside that where it is stale. Before the first one it waits
        a moment. Returns None while there is none, for a page that must not wait and not fail."""
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self.current())
        if self._counted is None:
            await asyncio.wait([self._renewing], timeout=wait_s)
        if self._renewing.done():
            with suppress(DirectoryUnavailable):
                self._renewing.result()
        return self._counted

    async def _count(self, now: datetime) -> Statistics:
        groups, people, origins = await self._store.count_mappings(now)
        by_network: dict[str, int] = {}
        by_strength: dict[str, int] = {}
        by_origin: dict[str, int] = {}
        for origin, network, strength, count in groups:
            by_origin[origin] = by_origin.get(origin, 0) + count
            by_network[network.value] = by_network.get(network.value, 0) + count
            by_strength[strength.label] = by_strength.get(strength.label, 0) + count
        total = sum(count for _, _, _, count in groups)
        return Statistics(total, people, by_network, by_strength, by_origin, origins, now)
