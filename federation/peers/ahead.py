"""The steps of bodies that are fetched and judged while the one before them is stored."""

import asyncio
from collections import deque

from federation.peers.judging import BodyStep, Judged, ask
from federation.peers.rounds import Round
from federation.tlog.tiles import TILE_WIDTH


class Ahead:
    """Steps in order, each of which a task asks for. Whoever opens it ends it: nothing is left running."""

    def __init__(self, current: Round) -> None:
        self._current = current
        self._asked: deque[tuple[BodyStep, asyncio.Task[Judged]]] = deque()

    def __len__(self) -> int:
        return len(self._asked)

    @property
    def bundles(self) -> int:
        """The bundles that are asked for and not stored yet: as many mappings may come of them, or be missing."""
        return sum(-(-(step.end - step.start) // TILE_WIDTH) for step, _ in self._asked)

    def end_of(self, start: int) -> int:
        """Returns where the last step ends; `start` where there is none."""
        return self._asked[-1][0].end if self._asked else start

    def add(self, size: int, step: BodyStep) -> None:
        """Asks for a step of a log that was read up to `size`."""
        self._asked.append((step, asyncio.create_task(ask(self._current, size, step))))

    async def take(self) -> tuple[BodyStep, Judged]:
        """Waits for the first step, and takes it out. Raises PeerFault."""
        step, task = self._asked[0]
        judged = await task
        self._asked.popleft()
        return step, judged

    async def end(self) -> None:
        """Breaks off what is still asked for: after a fault, or as the whole job is broken off."""
        tasks = [task for _, task in self._asked]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
