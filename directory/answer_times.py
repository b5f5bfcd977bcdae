"""How long somebody who asked waits for the database, before they are told that it does not answer."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from directory.errors import DirectoryUnavailable

T = TypeVar("T")

ANSWER_TIMEOUT_S: Final = 4.0
"""For a look-up. A health check of others gives up after five seconds, and so do people."""
LIST_TIMEOUT_S: Final = 20.0
"""For a part of a list (`directory/services/written_lists.py`), which a cold disk may take that long to find."""
NO_ANSWER: Final = "the database did not answer in time"
_broken_off: set[asyncio.Future[Any]] = set()


async def answer_within(timeout_s: float, work: Coroutine[Any, Any, T] | asyncio.Task[T]) -> T:
    """Waits for work with the database. Raises DirectoryUnavailable where it takes longer.

    Its end is not waited for: breaking off a statement takes the database, too.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=timeout_s)
    except asyncio.CancelledError:
        break_off(task)
        raise
    if not task.done():
        break_off(task)
        raise DirectoryUnavailable(NO_ANSWER)
    return task.result()


def break_off(task: asyncio.Task[Any]) -> None:
    """Cancels work, and takes what comes of it from it when it ends."""
    _broken_off.add(task)
    task.add_done_callback(_forget)
    task.cancel()


def _forget(task: asyncio.Future[Any]) -> None:
    _broken_off.discard(task)
    if not task.cancelled():
        task.exception()
