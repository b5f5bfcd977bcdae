"""Reads the log of one peer now, to its end, for who watches it: an operator at a terminal."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from directory.clock import Clock
from federation.errors import UnknownPeer
from federation.peers.tail import Tail
from federation.peers.verdicts import Verdict
from federation.store.peer_logs import PeerLogStore
from federation.store.tailed import Progress, TailJob

SLICE_S: Final = 1.0
"""How long one round reads before the watcher is told how far it is."""
_GOES_ON: Final = frozenset({Verdict.MORE})


@dataclass(frozen=True, slots=True)
class ReadNow:
    """How it ended: `why` is a sentence where not all was read."""

    progress: Progress
    verdict: Verdict
    why: str


class ReadingNow:
    """Takes the log over from the job that reads it, which goes on when this ends, wherever that was."""

    def __init__(self, logs: PeerLogStore, tail: Tail, clock: Clock) -> None:
        self._logs = logs
        self._tail = tail
        self._clock = clock

    async def read(self, origin: str, on_progress: Callable[[Progress], None]) -> ReadNow:
        """Reads until all is read, a cap is reached, or the peer fails. Cancelled, it leaves the log due at once.

        Raises UnknownPeer where the peer is not confirmed, or is suspended or frozen.
        """
        while True:
            job = await self._logs.claim_log(origin, self._clock.now())
            if job is None:
                raise UnknownPeer(
                    f"the log of {origin} is not read: it is not confirmed, suspended or frozen"
                )
            verdict, progress = await self._slice(job)
            on_progress(progress)
            if verdict not in _GOES_ON:
                return ReadNow(progress, verdict, progress.fault or progress.stopped)

    async def _slice(self, job: TailJob) -> tuple[Verdict, Progress]:
        is_over = False
        try:
            verdict = await self._tail.run(job, SLICE_S)
            is_over = True
        finally:
            if not is_over:
                await self._logs.release(job.lease, self._clock.now())
        progress = await self._logs.load(job.lease)
        if progress is None:
            raise UnknownPeer(f"{job.peer.origin} is read no more: somebody has changed how it stands")
        return verdict, progress
