"""What an account may spend of what its network permits, and when a run will end. Pure.

Limits of networks, as they document them; sessions obey whatever headers say that is tighter. Clocks jump: a window that
began in the future begins now, with all that was spent in it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from directory.follows.runs import Budget
from directory.mappings import Network

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
MAX_WAIT: Final = timedelta(hours=25)
"""More than a network asks for: what is later was written by a clock that ran ahead."""


class Limits(msgspec.Struct, frozen=True):
    """What a network permits an account, in points of its own. An `hour` without a limit is as long as the day's."""

    hour: int
    day: int
    create: int
    """What a follow costs."""
    delete: int
    """What it costs to take one back."""


LIMITS: Final[Mapping[Network, Limits]] = {
    Network.BLUESKY: Limits(hour=5_000, day=35_000, create=3, delete=1),
    # Of one account: Mastodon's `RateLimiter`, family `follows`.
    Network.MASTODON: Limits(hour=400, day=400, create=1, delete=0),
}


def fresh_budget(now: datetime) -> Budget:
    """Returns the budget of an account that has spent nothing."""
    return Budget(hour_began=now, hour_spent=0, day_began=now, day_spent=0, not_before=None)


def rolled(budget: Budget, now: datetime) -> Budget:
    """Returns the budget as of now: windows that are over begin anew, and a wait that is over is forgotten."""
    hour_began, hour_spent = _window(budget.hour_began, budget.hour_spent, HOUR, now)
    day_began, day_spent = _window(budget.day_began, budget.day_spent, DAY, now)
    wait = budget.not_before
    is_waiting = wait is not None and now < wait <= now + MAX_WAIT
    return Budget(
        hour_began=hour_began,
        hour_spent=hour_spent,
        day_began=day_began,
        day_spent=day_spent,
        not_before=wait if is_waiting else None,
    )


def spend(budget: Budget, points: int, now: datetime) -> Budget:
    """Returns the budget after points were spent; negative ones give back what was counted before and not spent."""
    current = rolled(budget, now)
    return msgspec.structs.replace(
        current,
        hour_spent=max(current.hour_spent + points, 0),
        day_spent=max(current.day_spent + points, 0),
    )


def hold_until(budget: Budget, until: datetime | None, now: datetime) -> Budget:
    """Returns the budget after the network asked to wait. The later wait counts, and a day at most."""
    current = rolled(budget, now)
    if until is None or until <= now:
        return current
    asked = min(until, now + DAY)
    held = current.not_before
    return msgspec.structs.replace(current, not_before=asked if held is None else max(held, asked))


def end_of(network: Network, left: int, budget: Budget, begins: datetime) -> datetime:
    """Estimates when so many more people are followed, where nothing else stands in the way."""
    limits, at, budget = LIMITS[network], begins, rolled(budget, begins)
    if left and budget.not_before is not None:
        at = budget.not_before
    while left > 0:
        budget = rolled(budget, at)
        room = min(limits.hour - budget.hour_spent, limits.day - budget.day_spent) // limits.create
        if room >= 1:
            sent = min(room, left)
            left -= sent
            budget = spend(budget, sent * limits.create, at)
            continue
        is_day_spent = limits.day - budget.day_spent < limits.create
        at = budget.day_began + DAY if is_day_spent else budget.hour_began + HOUR
    return at


def _window(began: datetime, spent: int, length: timedelta, now: datetime) -> tuple[datetime, int]:
    if now - began >= length:
        return now, 0
    return (now, spent) if began > now else (began, spent)
