"""The day on which the operators let all runs begin, spread over its first hour. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID

SPREAD_S: Final = 3_600
"""Everybody at once would meet the same servers in the same second."""


def day_of_all(day: date | None, run: UUID) -> datetime | None:
    """Returns when a run may begin on the day of all: each at a second of its own in the first hour, UTC. Returns None where
    no day is set."""
    if day is None:
        return None
    return datetime.combine(day, time(), UTC) + timedelta(seconds=run.int % SPREAD_S)
