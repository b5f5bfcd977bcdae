"""Counts the people in the directory, at most once in five minutes."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import msgspec

from directory.clock import Clock
from directory.store.statistics import StatisticsStore

FRESH_FOR: Final = timedelta(minutes=5)


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

    async def current(self) -> Statistics:
        """Returns the last count, or a new one where that is stale. Raises DirectoryUnavailable."""
        async with self._counting:
            now = self._clock.now()
            if self._counted is None or now - self._counted.counted_at > FRESH_FOR:
                self._counted = await self._count(now)
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
