"""The clock, handed to whoever needs the time, so that a test can set it."""

from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

CLOCK_SLACK: Final = timedelta(hours=1)
"""How far the clocks of two machines may differ."""


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Returns the time now, with its zone (UTC)."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)
