"""How callers are counted: in this process, or over all web processes of a machine."""

import enum
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from directory.shared_counts import SharedCounts, Window
from federation.peers.budget import InProcess, PeerCounts
from web.middleware.rate_limit import WINDOW_S, Allowance, ClientKeys, RateLimiter


class Counted(enum.IntEnum):
    """What is counted apart. The number is the place in the shared memory."""

    REQUESTS = 0
    PAGES = 1
    PEOPLE = 2
    SIGN_INS = 3
    PEERS = 4


_NAMES: Final = {
    Counted.REQUESTS: "requests",
    Counted.PAGES: "pages",
    Counted.PEOPLE: "people",
    Counted.SIGN_INS: "sign-ins",
}


class SharedRateLimiter(RateLimiter):
    """Counts as `RateLimiter` does, over all processes that share the counts."""

    def __init__(
        self,
        name: str,
        limit: int,
        counts: SharedCounts,
        monotonic: Callable[[], float] = time.monotonic,  # of the machine: the same in all processes
    ) -> None:
        super().__init__(name, limit, monotonic)
        self._counts = counts

    def take(self, key: bytes, units: int = 1) -> Allowance:
        """Counts `units` where they fit; refused ones are not counted. A limit of 0 refuses nothing."""
        if not self._limit:
            return super().take(key, units)
        window, elapsed = divmod(self._monotonic(), WINDOW_S)
        left_s = WINDOW_S - elapsed
        taken = self._counts.take(key, units, self._limit, Window(int(window), left_s / WINDOW_S))
        used = taken.current + taken.previous * left_s / WINDOW_S
        retry_after_s = 0 if taken.is_taken else self._wait_s(taken.current, taken.previous, units, left_s)
        return Allowance(
            self._name, self._limit, max(0, int(self._limit - used)), math.ceil(left_s), retry_after_s
        )


@dataclass(frozen=True, slots=True)
class Counting:
    """Makes what counts callers. Alone, or with `shared` counts and the `secret` of all processes that share them."""

    processes: int = 1
    secret: bytes | None = None
    shared: Sequence[SharedCounts] = ()

    def keys(self, trusted_proxies: int) -> ClientKeys:
        """Makes the keys of callers."""
        return ClientKeys(trusted_proxies, self.secret)

    def limiter(self, what: Counted, limit: int) -> RateLimiter:
        """Makes what limits one kind of request."""
        if not self.shared:
            return RateLimiter(_NAMES[what], limit)
        return SharedRateLimiter(_NAMES[what], limit, self.shared[what])

    def peers(self) -> PeerCounts:
        """Makes what counts the requests of peers."""
        return SharedPeerCounts(self.shared[Counted.PEERS]) if self.shared else InProcess()

    def share_of(self, total: int) -> int:
        """Returns how much of a total is this process's: at least one."""
        return max(1, total // self.processes)


class SharedPeerCounts:
    """Counts the requests of peers over all processes."""

    def __init__(self, counts: SharedCounts) -> None:
        self._counts = counts

    def take(self, key: bytes, hour: int, limit: int) -> bool:
        """Counts a request in an hour. Returns False, and counts nothing, beyond the limit."""
        return self._counts.take(key, 1, limit, Window(hour, 0.0)).is_taken
