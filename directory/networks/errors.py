"""The errors of a request to another server.

Callers catch `NetworkError` and nothing else. An answer with status 404 is not an error here: its
status is in the `Answer`.

A message names the host and what happened. It never holds the path, the headers or anything that
was sent or received: those can be secrets. Each error has a code that does not change, by which it is counted.
"""

from typing import ClassVar

from directory.errors import DirectoryError


class NetworkError(DirectoryError):
    """Another server could not be asked, or its answer cannot be used.

    `may_have_arrived` is False only where nothing of the request was sent: it has had no effect, and
    a second request cannot have it twice.
    """

    code: ClassVar[str] = "failed"

    def __init__(self, host: str, why: str, *, may_have_arrived: bool = False) -> None:
        self.host = host
        self.why = why
        self.may_have_arrived = may_have_arrived
        super().__init__(f"{host or 'another server'}: {why}")


class Refused(NetworkError):
    """We do not connect to that address: because of its form, its port, or where its name leads."""

    code = "not-allowed"


class Unsendable(NetworkError):
    """The request cannot be written as HTTP: a header holds a line break, or is far too long."""

    code = "unsendable"


class Unreachable(NetworkError):
    """No whole answer came. Nothing is known about what the answer would have been."""

    code = "unreachable"


class Busy(Unreachable):
    """All the connections we allow ourselves are in use; the other server was not asked."""

    code = "busy"


class HeldBack(Unreachable):
    """The other server failed a moment ago, and is left alone for a while; it was not asked.

    `retry_after_s` is when to come again, in seconds.
    """

    code = "held-back"

    def __init__(self, host: str, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(host, "failed a moment ago, and is left alone for a while")


class NotSecure(Unreachable):
    """The server has no certificate that proves its name."""

    code = "not-secure"


class TooSlow(Unreachable):
    """The answer did not come within its time limits, or came too slowly."""

    code = "too-slow"


class BadAnswer(NetworkError):
    """The answer is not HTTP, or not of the form that it announced."""

    code = "bad-answer"


class TooLarge(BadAnswer):
    """The answer, once unpacked, is larger than its limit."""

    code = "too-large"


class BadStatus(NetworkError):
    """The server answered with a status that the request does not expect."""

    code = "bad-status"

    def __init__(self, host: str, status: int) -> None:
        self.status = status
        super().__init__(host, f"answered with status {status}", may_have_arrived=True)
