"""Matches newcomers with the follow lists that members let us keep."""

from directory.clock import Clock
from directory.errors import DirectoryUnavailable
from directory.store.arrivals import FEW_LEAVES, MEET_TIMEOUT_S, Arrival, ArrivalStore


class Newcomers:
    """Arrivals of this instance, one range of leaves at a time."""

    def __init__(self, arrivals: ArrivalStore, clock: Clock, timeout_s: float = MEET_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._arrivals = arrivals
        self._clock = clock

    async def claim_arrival(self) -> Arrival | None:
        """Claims the arrival that has waited longest. Returns None where none is due."""
        return await self._arrivals.claim_due_arrival(self._clock.now())

    async def release_arrival(self, arrival: Arrival) -> None:
        """Releases an arrival whose attempt was broken off: it is due again now."""
        await self._arrivals.release_arrival(arrival, self._clock.now())

    async def meet(self, arrival: Arrival) -> int:
        """Matches the next leaves of an arrival with the kept lists. Returns how many newcomers were found."""
        now = self._clock.now()
        try:
            return await self._arrivals.meet_arrival(arrival, now, timeout_s=self._timeout_s)
        except DirectoryUnavailable:
            # Maybe it was too much for one step: it would be so again for ever.
            return await self._arrivals.meet_arrival(arrival, now, FEW_LEAVES)
