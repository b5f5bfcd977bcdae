"""Holds something of an event loop during work that blocks.

Inside of `asyncio.run` Ctrl-C only asks the coroutine to end when it next waits: a copy that blocks would go on to its end.
Between two runs it raises KeyboardInterrupt at once.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def held(context: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Enters an asynchronous context for the block, in a loop that stands still meanwhile."""
    with asyncio.Runner() as runner:
        value = runner.run(_enter(context))
        try:
            yield value
        except BaseException:
            if not runner.run(_leave(context, sys.exc_info()[1])):
                raise
        else:
            runner.run(_leave(context, None))


async def _enter(context: AbstractAsyncContextManager[T]) -> T:
    return await context.__aenter__()


async def _leave(context: AbstractAsyncContextManager[T], error: BaseException | None) -> bool:
    kind, trace = (None, None) if error is None else (type(error), error.__traceback__)
    return bool(await context.__aexit__(kind, error, trace))
