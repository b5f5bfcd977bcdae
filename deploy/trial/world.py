"""Fills several instances with invented people, makes them peers of each other, and watches them sync."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final

from deploy.pending import PEOPLE_A_MAPPING, add_pending
from deploy.trial.instances import TrialInstance
from deploy.wiring.peers import build_peering
from directory.clock import Clock
from directory.networks.http import GuardedClient
from directory.store.database import Database
from federation.keys.instance import log_origin
from federation.store.trial import count_answering, count_published, find_published_name

LOOK_EVERY_S: Final = 0.5
MAX_PEOPLE: Final = 100_000
"""Of each instance. It is for trying out; `passerelle bench sync` measures."""

OnProgress = Callable[[int], None]
"""Gets how many mappings there are so far, over all instances."""


@dataclass(frozen=True, slots=True)
class Populated:
    """An instance of several, its open database, and the X handle of somebody who published there."""

    instance: TrialInstance
    database: Database

    @property
    def origin(self) -> str:
        return log_origin(self.instance.settings)

    async def find_name(self) -> str:
        """Returns the X handle of one of its own people."""
        async with self.database.connection() as connection:
            return await find_published_name(connection, self.origin)


async def publish_people(
    populated: Sequence[Populated], people: int, clock: Clock, on_progress: OnProgress
) -> None:
    """Has each instance publish mappings of `people` invented people, nobody twice, and waits for the logs."""
    now = clock.now().replace(microsecond=0)
    for number, each in enumerate(populated):
        first = number * people * PEOPLE_A_MAPPING
        await add_pending(each.database, people, each.origin, now, first=first)
    await _wait_for(populated, people, count_published, on_progress)


async def make_peers(populated: Sequence[Populated], clock: Clock, http: GuardedClient) -> None:
    """Has the operators of all instances approve and follow each other. Nobody compares fingerprints here: all of them
    are on this machine, and invented."""
    pairs = list(permutations(populated, 2))
    for ours, theirs in pairs:
        peering = build_peering(ours.instance.settings, ours.database, clock, http)
        await peering.approve(await peering.introduce(theirs.instance.url))
    for ours, theirs in pairs:
        peering = build_peering(ours.instance.settings, ours.database, clock, http)
        await peering.add(await peering.introduce(theirs.instance.url))


async def wait_for_sync(populated: Sequence[Populated], people: int, on_progress: OnProgress) -> None:
    """Waits until each instance answers for the people of all."""
    await _wait_for(populated, people * len(populated), count_answering, on_progress)


async def _wait_for(
    populated: Sequence[Populated],
    wanted: int,
    count: Callable[[Database], Awaitable[int]],
    on_progress: OnProgress,
) -> None:
    while True:
        counts = await asyncio.gather(*(count(each.database) for each in populated))
        on_progress(sum(counts))
        if min(counts) >= wanted:
            return
        await asyncio.sleep(LOOK_EVERY_S)
