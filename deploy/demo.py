"""Fills a directory with synthetic people, and removes them."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from directory.demo import DEMO_ORIGINS, demo_rows
from directory.store.demo import DemoStore

CHUNK_PEOPLE: Final = 50_000

Progress = Callable[[int], None]
"""Gets the people done so far."""


class DemoPresent(Exception):
    """There are demo people already: two worlds would contradict each other."""


async def fill_demo(store: DemoStore, people: int, seed: int, now: datetime, on_progress: Progress) -> None:
    """Adds `people` synthetic people, all or none. Raises DemoPresent, DirectoryUnavailable."""
    if await store.is_present():
        raise DemoPresent
    async with store.filling(DEMO_ORIGINS) as filling:
        for first in range(0, people, CHUNK_PEOPLE):
            count = min(CHUNK_PEOPLE, people - first)
            await filling.copy_rows(
                demo_rows(count, now=now, origins=filling.origins, seed=seed, first=first)
            )
            on_progress(first + count)


async def remove_demo(store: DemoStore, on_progress: Progress) -> int:
    """Removes all demo mappings; returns how many there were. It can be broken off and repeated."""
    removed = 0
    async for count in store.remove_rows():
        removed += count
        on_progress(removed)
    return removed
