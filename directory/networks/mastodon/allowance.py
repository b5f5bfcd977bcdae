"""What a server's headers still permit. Pure.

Mastodon counts 300 requests in 5 minutes for a token and 400 follows in a day for an account, and tells in each answer
which of the two is meant only by its end. GoToSocial counts 300 in 5 minutes for an address. Takahē counts nothing.
"""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from directory.networks.answers import Answer
from directory.networks.retry_after import retry_after_s

UNTOLD_WAIT: Final = timedelta(minutes=5)
"""After a 429 that does not say for how long."""
MAX_WAIT: Final = timedelta(days=1)
MARGIN: Final = timedelta(seconds=1)
"""Waited beyond a reset: it is told in whole seconds."""
LONG_WINDOW: Final = timedelta(minutes=15)
"""What ends later counts follows, not requests."""


class Window(msgspec.Struct, frozen=True):
    """So many more until then, by our own clock."""

    remaining: int
    ends_at: datetime


class Allowance:
    """What the headers of the answers of one session have told."""

    def __init__(self) -> None:
        self._requests: Window | None = None
        self._follows: Window | None = None

    def note(self, answer: Answer, now: datetime) -> None:
        """Notes what an answer tells."""
        window = read_window(answer, now)
        if window is not None and window.ends_at - now <= LONG_WINDOW:
            self._requests = window
            return
        if window is not None:
            self._follows = window
        if self._requests is not None:
            # It was a request all the same.
            left = max(0, self._requests.remaining - 1)
            self._requests = Window(left, self._requests.ends_at)

    def wait_for(self, requests: int, now: datetime, *, follows: int = 0) -> datetime | None:
        """Returns until when to wait before so many requests and follows are sent; None where they may be sent now."""
        needs = ((self._requests, requests), (self._follows, follows))
        waits = [
            window.ends_at
            for window, needed in needs
            if window is not None and window.ends_at > now and window.remaining < needed
        ]
        return max(waits, default=None)


def read_window(answer: Answer, now: datetime) -> Window | None:
    """Reads `X-RateLimit-*`. Returns None where they are missing or make no sense."""
    remaining = answer.header("x-ratelimit-remaining") or ""
    reset = _time(answer.header("x-ratelimit-reset") or "")
    if reset is None or not (remaining.isascii() and remaining.isdecimal()):
        return None
    # By the server's own clock, where it tells it: ours may go wrong.
    wait = reset - (_date(answer.header("date") or "") or now)
    if wait <= timedelta(0):
        return None
    return Window(int(remaining[:9]), now + min(wait, MAX_WAIT) + MARGIN)


def asked_to_wait_until(answer: Answer, now: datetime) -> datetime:
    """Returns until when an answer with status 429 or 503 asks to wait."""
    told = retry_after_s(answer, now)
    if told is not None and answer.header("retry-after"):
        return now + timedelta(seconds=told) + MARGIN
    window = read_window(answer, now)
    return window.ends_at if window is not None else now + UNTOLD_WAIT


def _time(text: str) -> datetime | None:
    """Reads ISO 8601, or seconds since 1970 as some other servers write it."""
    try:
        if text.isascii() and text.isdecimal():
            return datetime.fromtimestamp(int(text[:12]), UTC)
        time = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
