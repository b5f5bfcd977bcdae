"""Tells the parent what this process has counted: each few seconds, when it asks, and at the end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

from deploy.workers.control import Control, Said
from deploy.workers.counts import encode_counts
from directory.store.replicas import Replica
from web.api.metrics import own_families

EVERY_S: Final = 5.0
"""What is counted in so long is lost at most where a process is killed. It tells the parent that this one is well, too."""


@asynccontextmanager
async def counts_told(control: Control, replicas: Sequence[Replica]) -> AsyncIterator[None]:
    """Tells the counts until the block ends, and once more then."""
    tell = partial(_tell, control, replicas)
    tasks = [asyncio.create_task(each) for each in (_tell_each(tell), _tell_when_asked(control, tell))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(OSError):
            tell()
            await control.flush()


async def _tell_each(tell: Callable[[], None]) -> None:
    while True:
        tell()
        await asyncio.sleep(EVERY_S)


async def _tell_when_asked(control: Control, tell: Callable[[], None]) -> None:
    async for said, _ in control.heard():
        if said is Said.ASK:
            tell()


def _tell(control: Control, replicas: Sequence[Replica]) -> None:
    control.say(Said.COUNTS, encode_counts(own_families(replicas)))
