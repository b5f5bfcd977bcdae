"""How long a server asks us to stay away."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from directory.networks.answers import Answer

MAX_RETRY_AFTER_S: Final = 24 * 60 * 60


def retry_after_s(answer: Answer, now: datetime) -> int | None:
    """How long the server asks us to stay away, in seconds, a day at most (RFC 9110, 10.2.3; X's own header)."""
    asked = answer.header("retry-after") or ""
    reset = answer.header("x-rate-limit-reset") or ""
    wait: float | None = None
    if asked.isascii() and asked.isdecimal():
        wait = int(asked[:9])
    elif asked:
        wait = _until_date(asked, now)
    elif reset.isascii() and reset.isdecimal():
        wait = int(reset[:12]) - now.timestamp()
    return None if wait is None else int(min(max(wait, 0), MAX_RETRY_AFTER_S))


def _until_date(text: str, now: datetime) -> float | None:
    try:
        date = parsedate_to_datetime(text)
        return ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds()
    except (ValueError, OverflowError):
        return None
