"""What can come of a request to another server, other than its answer.

Whoever asks a stranger's server catches `NetworkError` and nothing else. That an answer came and
said 404 is not an error here: its status is in the `Answer`.

A message names the host and what happened. It never holds the path, the headers or anything that
was sent or received: those can be secrets.
"""

from directory.errors import DirectoryError


class NetworkError(DirectoryError):
    """Another server could not be asked, or what it answered cannot be used.

    `may_have_arrived` is False only when nothing of the request was sent: then what it asked for
    has not happened, and asking again cannot make it happen twice.
    """

    def __init__(self, host: str, why: str, *, may_have_arrived: bool = False) -> None:
        self.host = host
        self.why = why
        self.may_have_arrived = may_have_arrived
        super().__init__(f"{host or 'another server'}: {why}")


class Refused(NetworkError):
    """We do not speak to that address: because of its form, its port, or where its name leads."""


class Unsendable(NetworkError):
    """The request cannot be put into HTTP: a header holds a line break, or is far too long."""


class Unreachable(NetworkError):
    """No whole answer came. It says nothing about what the answer would have been."""


class Busy(Unreachable):
    """All the connections we allow ourselves are in use; the other server was not asked."""


class HeldBack(Unreachable):
    """The other server failed a moment ago, and is left alone for a while; it was not asked.

    `retry_after_s` is when to come again, in seconds.
    """

    def __init__(self, host: str, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(host, "failed a moment ago, and is left alone for a while")


class NotSecure(Unreachable):
    """The server could not prove with a certificate that it is the one that was named."""


class TooSlow(Unreachable):
    """The answer did not come, or not fast enough, within the time it was given."""


class BadAnswer(NetworkError):
    """Something came that is not an HTTP answer, or not of the form it announced."""


class TooLarge(BadAnswer):
    """The answer, once unpacked, is larger than what was asked for can be."""


class BadStatus(NetworkError):
    """The server answered, with a status that the question has no use for."""

    def __init__(self, host: str, status: int) -> None:
        self.status = status
        super().__init__(host, f"answered with status {status}", may_have_arrived=True)
