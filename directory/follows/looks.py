"""When an item that was sent is looked at, and for how often. Pure."""

from datetime import datetime, timedelta
from typing import Final

_WAITS: Final = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=12),
)
"""Before the first look, and before each further one. No call of ours is under way for longer than the first."""
MAX_LOOKS: Final = len(_WAITS)
"""Looks at one item; after them it was not taken. GoToSocial needed up to 6 s to follow somebody at a Takahē."""


def look_due(since: datetime, looks: int, now: datetime) -> datetime:
    """Returns when an item, unchanged since then, is to be looked at. What a clock that ran ahead wrote is due now."""
    if since > now + _WAITS[0]:
        return now
    return since + _WAITS[min(looks, MAX_LOOKS - 1)]
