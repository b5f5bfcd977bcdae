"""Sessions: the tokens by which a browser is signed in, and how long they last."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from directory.clock import CLOCK_SLACK

TOKEN_BYTES: Final = 32
MAX_TOKEN_CHARS: Final = 64
SESSION_IDLE: Final = timedelta(days=30)
"""A session ends when it was not used for this long."""
SESSION_LIFE: Final = timedelta(days=180)
"""A session ends after this long, however much it is used."""
TOUCH_EVERY: Final = timedelta(hours=1)
"""How precise the time of the last use is: most pages cost no write, and less is known about a member's day."""
MAX_SESSIONS: Final = 50
MAX_LABEL_CHARS: Final = 80


class Session(msgspec.Struct, frozen=True):
    """One signed-in browser. `label` is how its owner recognises it ("Firefox on Linux").

    `account` is the linked account it began with: it ends when that one is unlinked, handed over, or lapses.
    """

    id: UUID
    member: UUID
    account: UUID
    label: str
    created: datetime
    used_at: datetime

    def is_live(self, now: datetime) -> bool:
        """Whether it is neither idle for 30 days nor older than 180, nor begun in the future, from where it would last
        longer."""
        is_young = -CLOCK_SLACK <= now - self.created < SESSION_LIFE
        return is_young and now - self.used_at < SESSION_IDLE

    def is_to_be_touched(self, now: datetime) -> bool:
        """Whether its last use is to be stored: it was an hour ago, or a clock that ran ahead has written it."""
        return not -CLOCK_SLACK <= now - self.used_at < TOUCH_EVERY


def new_token() -> str:
    """Makes a token of 256 random bits for a cookie or an OAuth state, in 43 characters of base64url."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_token(token: str) -> bytes:
    """Hashes a token for storage. A token is random, so one SHA-256 suffices."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
