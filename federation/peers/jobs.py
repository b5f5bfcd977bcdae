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
from federation.peers.tail import Tail
from federation.store.peer_logs import TAIL_LEASE, PeerLogStore
from federation.store.tailed import TailJob

SLOTS: Final = 4
"""Logs that one process reads at a time."""
EVERY_S: Final = 2.0
LIMIT_S: Final = TAIL_LEASE.total_seconds() / 2
READ_FOR_S: Final = LIMIT_S / 2
"""After this a round ends by itself, behind a step, and goes on at once."""


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

    async def claim(self, _busy: Collection[str]) -> Work | None:
        """Claims logs that are due. Returns None where none is."""
        quiet = await self._looks.claim()
        if quiet:
            return Work(run=partial(self._looks.run, quiet), release=partial(self._looks.release, quiet))
        job = await self._logs.claim_due(self._clock.now())
        if job is None:
            return None
        return Work(run=partial(self._tail.run, job, READ_FOR_S), release=partial(self._release, job))

    async def _release(self, job: TailJob) -> None:
        await self._logs.release(job.lease, self._clock.now())
