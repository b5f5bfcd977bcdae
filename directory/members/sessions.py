"""Sessions: what a browser shows to be somebody, and until when."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

TOKEN_BYTES: Final = 32
MAX_TOKEN_CHARS: Final = 64
SESSION_IDLE: Final = timedelta(days=30)
"""A session that nobody used for so long has ended."""
SESSION_LIFE: Final = timedelta(days=180)
"""However much it is used, a session ends after so long."""
TOUCH_EVERY: Final = timedelta(hours=1)
"""How coarse the time of the last use is: a page costs no write, and less is known about a member's day."""
MAX_SESSIONS: Final = 50
MAX_LABEL_CHARS: Final = 80


class Session(msgspec.Struct, frozen=True):
    """One browser that is signed in. `label` is what its owner recognises it by ("Firefox on Linux")."""

    id: UUID
    member: UUID
    label: str
    created: datetime
    used_at: datetime

    def is_live(self, now: datetime) -> bool:
        """Neither idle nor old."""
        return now - self.used_at < SESSION_IDLE and now - self.created < SESSION_LIFE


def new_token() -> str:
    """256 random bits for a cookie or an OAuth state, in 43 characters of base64url."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_token(token: str) -> bytes:
    """What is stored of a token. It is random, so that one SHA-256 suffices."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
