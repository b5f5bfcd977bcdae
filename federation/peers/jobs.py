"""The job that reads the logs of peers: any process claims logs that are due, and makes their next round due.

Those that had nothing new are looked at many at a time; each other is read on by itself.
"""

from collections.abc import Collection
from functools import partial
from typing import Final

from directory.clock import Clock
from directory.jobs.kinds import Kind, Work
from directory.members.job_kinds import JobKind
from federation.peers.looks import Looks
from federation.peers.tail import Pace, Tail
from federation.store.peer_logs import SLOW, PeerLogStore
from federation.store.tailed import TailJob

SLOTS: Final = 6
"""Logs that one process reads at a time. Of those that are slow, or far behind, `MAX_RUNNING_A_HOST` run at a time, so that
they never keep the others waiting."""
EVERY_S: Final = 2.0
LIMIT_S: Final = 300.0
QUICK: Final = Pace(read_for_s=5, ask_for_s=10)
SLOW_PACE: Final = Pace(read_for_s=LIMIT_S / 2, ask_for_s=LIMIT_S * 4 / 5)
"""Beyond these, what is under way takes 30 s at most."""


class TailJobs:
    """Claims the logs of peers that are due, and reads them."""

    def __init__(self, logs: PeerLogStore, tail: Tail, looks: Looks, clock: Clock) -> None:
        self._logs = logs
        self._tail = tail
        self._looks = looks
        self._clock = clock

    def kinds(self) -> tuple[Kind, ...]:
        """Returns the kind of job that a worker runs."""
        return (Kind(name=JobKind.PEERS, claim=self.claim, slots=SLOTS, limit_s=LIMIT_S, every_s=EVERY_S),)

    async def claim(self, busy: Collection[str]) -> Work | None:
        """Claims logs that are due, no slow one where these have their slots. Returns None where none is."""
        quiet = await self._looks.claim()
        if quiet:
            return Work(run=partial(self._looks.run, quiet), release=partial(self._looks.release, quiet))
        job = await self._logs.claim_due(self._clock.now(), busy)
        if job is None:
            return None
        return Work(
            run=partial(self._tail.run, job, SLOW_PACE if job.is_slow else QUICK),
            release=partial(self._release, job),
            hosts=(SLOW,) if job.is_slow else (),
        )

    async def _release(self, job: TailJob) -> None:
        await self._logs.release(job.lease, self._clock.now())
