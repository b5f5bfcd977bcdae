"""What an account may still write, in points: https://docs.bsky.app/docs/advanced-guides/rate-limits.

A server counts in windows that begin with the first write, and tells in each answer the limit that is tightest at the
moment. Its word is kept beside our own count, and the tighter of the two holds.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Self

import msgspec

from directory.follows.budget import LIMITS
from directory.follows.runs import Budget
from directory.mappings import Network
from directory.networks.answers import Answer
from directory.networks.http import TOO_MANY_REQUESTS
from directory.networks.retry_after import retry_after_s

_LIMITS: Final = LIMITS[Network.BLUESKY]
CREATE_POINTS: Final = _LIMITS.create
DELETE_POINTS: Final = _LIMITS.delete
# The server's window begins after ours, when the first request arrives; and it tells its end in whole seconds.
MARGIN: Final = timedelta(seconds=5)
HOUR: Final = timedelta(hours=1) + MARGIN
DAY: Final = timedelta(days=1) + MARGIN
UNTOLD_WAIT: Final = timedelta(minutes=5)
"""After a 429 that says nothing."""
MAX_WAIT: Final = DAY
# Limits of shorter windows count requests, of an address or an account, not points.
_SHORTEST_OF_POINTS: Final = timedelta(minutes=30)
_MAX_SAID: Final = 20_000
_POLICY: Final = re.compile(r"(\d{1,9});w=(\d{1,9})")
_NUMBER: Final = re.compile(r"\d{1,12}")


class Granted(msgspec.Struct, frozen=True):
    """What a server said is left until then: points, or requests."""

    left: int
    until: datetime
    is_points: bool

    @classmethod
    def read(cls, answer: Answer, now: datetime) -> Self | None:
        """Reads the headers of an answer. Returns None where they say nothing."""
        left, reset = answer.header("ratelimit-remaining") or "", answer.header("ratelimit-reset") or ""
        if not _NUMBER.fullmatch(left) or not _NUMBER.fullmatch(reset):
            return None
        policy = _POLICY.match(answer.header("ratelimit-policy") or "")
        window = min(timedelta(seconds=int(policy[2])), MAX_WAIT) if policy else MAX_WAIT
        # A clock that goes wrong, theirs or ours, makes nobody wait longer than the window.
        until = min(_time_of(int(reset), now) + MARGIN, now + window + MARGIN)
        return cls(int(left), until, policy is None or window >= _SHORTEST_OF_POINTS)


class Allowances:
    """What servers said last of each account, in this process. Losing it costs one refused request an account."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, bool], Granted] = {}

    def note(self, account: str, granted: Granted) -> None:
        """Keeps what is said now, of points and of requests apart."""
        key = account, granted.is_points
        self._said.pop(key, None)
        while len(self._said) >= _MAX_SAID:
            del self._said[next(iter(self._said))]
        self._said[key] = granted

    def of(self, account: str, now: datetime) -> list[Granted]:
        """Returns what still holds of an account."""
        said = [self._said.get((account, is_points)) for is_points in (True, False)]
        return [granted for granted in said if granted is not None and granted.until > now]


def wait_after_429(answer: Answer | None, now: datetime) -> datetime:
    """Returns until when to send nothing, after a refused request: as the headers say, or five minutes."""
    if answer is not None and answer.status == TOO_MANY_REQUESTS:
        asked = retry_after_s(answer, now)
        if asked:
            return now + timedelta(seconds=asked) + MARGIN
        granted = Granted.read(answer, now)
        if granted is not None and granted.until > now + MARGIN:
            return granted.until
    return now + UNTOLD_WAIT


def affordable(budget: Budget, said: Sequence[Granted], cost: int, now: datetime) -> int:
    """Returns how many writes of a cost, in points, fit in now. For what costs no points: whether any request does."""
    if next_slot(budget, said, cost, now) > now:
        return 0
    left = [_LIMITS.hour, *(limit - spent for limit, spent, _ in _windows(budget, now))]
    left += [granted.left for granted in said if granted.is_points]
    return min(left) // cost if cost else 1


def next_slot(budget: Budget, said: Sequence[Granted], cost: int, now: datetime) -> datetime:
    """Returns when one write of a cost, in points, fits in."""
    ends = [end for limit, spent, end in _windows(budget, now) if limit - spent < cost]
    ends += [granted.until for granted in said if granted.left < (cost if granted.is_points else 1)]
    if budget.not_before is not None:
        ends.append(budget.not_before)
    return max([now, *ends])


def _windows(budget: Budget, now: datetime) -> Iterator[tuple[int, int, datetime]]:
    """Yields the limit, what is spent and the end of each window that has not ended."""
    for limit, spent, end in (
        (_LIMITS.hour, budget.hour_spent, budget.hour_began + HOUR),
        (_LIMITS.day, budget.day_spent, budget.day_began + DAY),
    ):
        if end > now:
            yield limit, spent, end


def _time_of(seconds: int, now: datetime) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return now + MAX_WAIT
