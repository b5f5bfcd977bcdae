"""Messages about newcomers: which account of a member gets them, when the next one is due, and what ended them."""

import base64
import binascii
import enum
import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from directory.accounts import AccountNetwork, LinkedAccount
from directory.vault import Context

EVERY: Final = timedelta(days=7)
"""Between two messages, at least."""
TEST_PAUSE: Final = timedelta(minutes=10)
"""Between the last message and the test message to another account, at least: whoever chooses to and fro writes no more."""
MESSAGE_LEASE: Final = timedelta(minutes=5)
WHILE_AWAY: Final = timedelta(days=1)
"""Between two looks at an account whose server was out of reach for a month: who answers for it now may be somebody else."""
FIRST_DELAY: Final = timedelta(minutes=15)
MAX_DELAY: Final = timedelta(days=1)
UNSEEN_TIMES: Final = 9
"""An account that was not found so many times, over three days, is gone."""
SEALED_TIMES: Final = 30
"""A code that could not be opened so many times, over three weeks, is lost with its key."""
MAX_FAILURES: Final = 30
"""Failures are counted up to here."""
CODE_BYTES: Final = 24
_CODE_CHARS: Final = 32


class MessageState(enum.IntEnum):
    """Whether messages go out. The numbers are stored."""

    ACTIVE = 0
    STOPPED = 1
    """By the member: with the link in a message, or by taking the consent back."""
    ENDED = 2
    """The account cannot be written to."""

    @property
    def label(self) -> str:
        return self.name.lower()


class Trouble(enum.IntEnum):
    """What keeps a message from going out, and ends the messages after so many times in a row. The numbers are stored."""

    OTHER = 0
    """Whatever passes: networks, servers, our own account."""
    UNSEEN = 1
    SEALED = 2


class MessageEnd(enum.IntEnum):
    """Why an account cannot be written to. The numbers are stored."""

    NONE = 0
    BLOCKED = 1
    GONE = 2
    CLOSED = 3
    SEALED = 4
    """The key is lost under which the code of the link was sealed that stops the messages."""

    @property
    def label(self) -> str:
        return self.name.lower()


class NewcomerMessages(msgspec.Struct, frozen=True, kw_only=True):
    """The messages of a member. `told_until` is the newest newcomer that was told; `is_tested`: the test message
    was sent, so the next one tells of newcomers."""

    id: UUID
    member: UUID
    account: UUID
    network: AccountNetwork
    language: str
    state: MessageState
    end: MessageEnd
    is_tested: bool
    chosen_at: datetime
    next_at: datetime
    last_sent_at: datetime | None
    told_until: int

    @property
    def told_at(self) -> datetime:
        """When the last message told who had come, or the choice left them out."""
        return max(self.chosen_at, self.last_sent_at or self.chosen_at)


class MessageJob(msgspec.Struct, frozen=True):
    """One attempt at the next message. `attempt` counts this attempt, too; `failures` are those since the last message, and
    the last `troubles` of them had one cause."""

    messages: NewcomerMessages
    attempt: int
    failures: int
    trouble: Trouble
    troubles: int
    sealed: bytes
    hosts: tuple[str, ...]

    def times(self, trouble: Trouble) -> int:
        """Returns how often in a row it was this, with this attempt."""
        return self.troubles + 1 if self.trouble is trouble else 1

    def __repr__(self) -> str:
        return f"MessageJob(id={self.messages.id}, attempt={self.attempt})"


class Tiding(msgspec.Struct, frozen=True):
    """What the next message tells, to whom: `people` newcomers, none in the test message. `newest` is the newest newcomer
    that it covers."""

    job: MessageJob
    account: LinkedAccount
    people: int
    newest: int

    @property
    def is_test(self) -> bool:
        return not self.job.messages.is_tested

    @property
    def key(self) -> str:
        """The same for each attempt at one message, and for no other message."""
        what = "test" if self.is_test else f"until-{self.newest}"
        return hashlib.sha256(f"{self.job.messages.id}/{what}".encode()).hexdigest()


def message_context(row: UUID) -> Context:
    """Returns the context of the code that stops messages."""
    return Context("newcomer-message", row)


def new_code() -> bytes:
    """Makes the secret of a link that stops messages."""
    return secrets.token_bytes(CODE_BYTES)


def show_code(code: bytes) -> str:
    """Returns a code as it stands in a link."""
    return base64.urlsafe_b64encode(code).decode("ascii")


def read_code(shown: str) -> bytes | None:
    """Reads a code from a link. Returns None where it is none."""
    if len(shown) != _CODE_CHARS:
        return None
    try:
        return base64.b64decode(shown.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None


def code_hash(code: bytes) -> bytes:
    """Returns the hash by which a code is found: the database alone tells no code, and how long a look-up takes tells
    nothing of one."""
    return hashlib.sha256(b"passerelle/stop/v1\0" + code).digest()


def delay_before_writing(failures: int) -> timedelta:
    """Returns the wait before the next attempt: 15 minutes, doubled with each failure, at most a day."""
    return min(FIRST_DELAY * (1 << min(failures, 12)), MAX_DELAY)
