"""What a peer may ask for in an hour. Counted in this process, for confirmed peers alone, so that memory stays bounded."""

import enum
from typing import Final

from directory.clock import Clock
from federation.errors import TooManyRequests

HOUR_S: Final = 3_600
STATEMENTS_AN_HOUR: Final = 2_000
A_BUNDLE: Final = 3
"""Requests more an hour for each bundle of the log: a first sync, broken off and begun anew."""
PEERINGS_AN_HOUR: Final = 60


class Asked(enum.Enum):
    """What is counted apart."""

    STATEMENTS = enum.auto()
    OWN = enum.auto()
    PEERING = enum.auto()
    EVIDENCE = enum.auto()


class PeerBudget:
    """Counts the requests of peers in the present hour."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._hour = 0
        self._counts: dict[tuple[str, Asked], int] = {}

    def take(self, origin: str, asked: Asked, limit: int) -> None:
        """Counts a request of a confirmed peer. Raises TooManyRequests, whose requests are not counted."""
        hour, elapsed = divmod(int(self._clock.now().timestamp()), HOUR_S)
        if hour != self._hour:
            self._hour, self._counts = hour, {}
        count = self._counts.get((origin, asked), 0)
        if count >= limit:
            raise TooManyRequests(f"{origin} has made {limit:,} requests in an hour", HOUR_S - elapsed)
        self._counts[origin, asked] = count + 1


def statements_an_hour(bundles: int) -> int:
    """Returns how many requests for bodies a peer may make in an hour, of a log of so many bundles."""
    return STATEMENTS_AN_HOUR + A_BUNDLE * bundles
