"""What a peer may ask for in an hour. Counted in memory, for confirmed peers alone, so that it stays bounded."""

import enum
from typing import Final, Protocol

from directory.clock import Clock
from federation.errors import TooManyRequests

HOUR_S: Final = 3_600
STATEMENTS_AN_HOUR: Final = 2_000
A_BUNDLE: Final = 3
"""Requests more an hour for each bundle of the log: a first sync, broken off and begun anew."""
PEERINGS_AN_HOUR: Final = 60
EVIDENCE_AN_HOUR: Final = 100
"""Each is verified, which takes as long as a few hundred signatures at most."""


class Asked(enum.Enum):
    """What is counted apart."""

    STATEMENTS = enum.auto()
    OWN = enum.auto()
    PEERING = enum.auto()
    EVIDENCE = enum.auto()


class PeerCounts(Protocol):
    """Where the requests are counted: in this process, or over all web processes of a machine."""

    def take(self, key: bytes, hour: int, limit: int) -> bool:
        """Counts a request in an hour. Returns False, and counts nothing, beyond the limit."""


class InProcess:
    """Counts in this process alone."""

    def __init__(self) -> None:
        self._hour = 0
        self._counts: dict[bytes, int] = {}

    def take(self, key: bytes, hour: int, limit: int) -> bool:
        if hour != self._hour:
            self._hour, self._counts = hour, {}
        count = self._counts.get(key, 0)
        if count >= limit:
            return False
        self._counts[key] = count + 1
        return True


class PeerBudget:
    """Counts the requests of peers in the present hour."""

    def __init__(self, clock: Clock, counts: PeerCounts | None = None) -> None:
        self._clock = clock
        self._counts = counts or InProcess()

    def take(self, origin: str, asked: Asked, limit: int) -> None:
        """Counts a request of a confirmed peer. Raises TooManyRequests, whose requests are not counted."""
        hour, elapsed = divmod(int(self._clock.now().timestamp()), HOUR_S)
        if not self._counts.take(f"{asked.name} {origin}".encode(), hour, limit):
            raise TooManyRequests(f"{origin} has made {limit:,} requests in an hour", HOUR_S - elapsed)


def statements_an_hour(bundles: int) -> int:
    """Returns how many requests for bodies a peer may make in an hour, of a log of so many bundles."""
    return STATEMENTS_AN_HOUR + A_BUNDLE * bundles
