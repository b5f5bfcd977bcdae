"""Direct messages from the instance's own accounts: what a network does for us, and how it can fail.

The errors tell what has to be known: whether the message may have arrived.
"""

from datetime import datetime
from typing import ClassVar, Protocol

from directory.accounts import AccountNetwork, TargetAccount
from directory.errors import DirectoryError
from directory.networks.errors import NetworkError


class MessageError(DirectoryError):
    """A message was not sent, or not surely. The text holds nothing of the message, and nobody's name."""

    code: ClassVar[str] = "message-failed"

    def __init__(self, host: str, why: str, *, retry_after_s: int | None = None) -> None:
        self.host = host
        self.retry_after_s = retry_after_s
        super().__init__(f"{host or 'the network'}: {why}")


class NotSent(MessageError):
    """Nothing was sent: the network was not reached, or refused for now. It can be tried again."""

    code = "not-sent"


class OwnAccountRefused(NotSent):
    """The network does not take the secret of the instance's own account: nothing was sent."""

    code = "own-account-refused"


class RecipientUnseen(NotSent):
    """The account was not found: there is none, or its server cannot be reached now."""

    code = "recipient-unseen"


class MaybeSent(MessageError):
    """The message went out, and whether it arrived is not known. It is never sent again."""

    code = "maybe-sent"


class RecipientError(MessageError):
    """The account cannot be written to: nothing was sent, and nothing will be."""

    code = "recipient-unreachable"


class RecipientBlocked(RecipientError):
    """The account blocks the instance's own account."""

    code = "recipient-blocked"


class RecipientGone(RecipientError):
    """There is no such account, or no more."""

    code = "recipient-gone"


class RecipientClosed(RecipientError):
    """The account takes no messages from strangers."""

    code = "recipient-closed"


class Letter(Protocol):
    """A message that can be sent now."""

    async def send(self, text: str, *, language: str, key: str) -> None:
        """Sends it, once. `key` is the same for each attempt at one message. Raises MessageError."""


class Messenger(Protocol):
    """Writes from the instance's own account on one network."""

    network: AccountNetwork

    async def prepare(self, to: TargetAccount, now: datetime) -> Letter:
        """Does all that comes before a message is sent, and may be repeated. Raises MessageError, never MaybeSent."""

    async def check(self, now: datetime) -> str:
        """Checks the secret of the own account. Returns the account's name. Raises MessageError."""


def before_sending(error: NetworkError) -> NotSent:
    """Returns what a failure means before the message is sent: it can be tried again."""
    return NotSent(error.host, error.why, retry_after_s=getattr(error, "retry_after_s", None))


def while_sending(error: NetworkError) -> MessageError:
    """Returns what a failure means while the message is sent."""
    return MaybeSent(error.host, error.why) if error.may_have_arrived else before_sending(error)
