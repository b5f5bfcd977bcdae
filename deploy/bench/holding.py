"""Watches for how long the loop of a server is held, in a server that is measured."""

import asyncio
import time

from litestar import get
from litestar.handlers import HTTPRouteHandler

from deploy.bench.measured import HOLD_PATH


class LoopWatch:
    """Notes the most CPU that passed between two turns of the loop, while it watches. It takes a turn of each round, so
    that between two of them lies what others did in one: it keeps a core busy."""

    def __init__(self) -> None:
        self._is_on = False
        self._since = 0.0
        self._longest = 0.0

    def start(self) -> None:
        """Begins to watch."""
        self._is_on, self._longest, self._since = True, 0.0, time.thread_time()
        asyncio.get_running_loop().call_soon(self._look)

    def stop(self) -> float:
        """Ends watching. Returns the longest time, in seconds; 0 where it did not watch."""
        self._is_on = False
        return self._longest

    @property
    def is_on(self) -> bool:
        return self._is_on

    def _look(self) -> None:
        now = time.thread_time()
        self._longest = max(self._longest, now - self._since)
        self._since = now
        if self._is_on:
            asyncio.get_running_loop().call_soon(self._look)


def hold_route() -> HTTPRouteHandler:
    """Makes a route that begins to watch, and ends it and tells when it is asked again."""
    watch = LoopWatch()

    @get(HOLD_PATH)
    async def hold() -> dict[str, float]:
        if watch.is_on:
            return {"seconds": watch.stop()}
        watch.start()
        return {"seconds": 0.0}

    return hold
