"""Tells the parent what this process has counted: each few seconds, when it asks, and at the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from deploy.workers.control import Control, Said
from deploy.workers.counts import encode_counts
from web.api.metrics import own_families

EVERY_S: Final = 5.0
"""What is counted in so long is lost at most where a process is killed. It tells the parent that this one is well, too."""


@asynccontextmanager
async def counts_told(control: Control) -> AsyncIterator[None]:
    """Tells the counts until the block ends, and once more then."""
    tasks = [asyncio.create_task(each) for each in (_tell_each(control), _tell_when_asked(control))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(OSError):
            _tell(control)
            await control.flush()


async def _tell_each(control: Control) -> None:
    while True:
        _tell(control)
        await asyncio.sleep(EVERY_S)


async def _tell_when_asked(control: Control) -> None:
    async for said, _ in control.heard():
        if said is Said.ASK:
            _tell(control)


def _tell(control: Control) -> None:
    control.say(Said.COUNTS, encode_counts(own_families()))
