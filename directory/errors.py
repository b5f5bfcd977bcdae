"""The errors of the directory. They know no HTTP: `web.errors` maps them."""

from typing import ClassVar


class DirectoryError(Exception):
    """A request to the directory failed."""


class InvalidIdentifier(DirectoryError):
    """A text from outside is not the identifier it was taken for."""

    code: ClassVar[str] = "invalid-account"

    def __init__(self, kind: str, text: object, why: str) -> None:
        self.kind = kind
        self.why = why
        super().__init__(f"not {kind}: {_shown(text)} ({why})")


class InvalidQuery(DirectoryError):
    """A lookup or a list of pairs cannot be understood, or is too long."""


class InvalidLine(InvalidQuery):
    """A line of a list cannot be read."""

    def __init__(self, number: int, line: str, why: str) -> None:
        self.number = number
        self.line = line
        super().__init__(why)


class DirectoryUnavailable(DirectoryError):
    """The database did not answer. What was not committed before is not done."""


class DatabaseUnreachable(DirectoryUnavailable):
    """No connection to the database could be made: nothing was begun."""


class LookupFailed(DirectoryError):
    """A lookup failed for a reason that is a fault of ours; its cause tells."""


_SHOWN_CHARS = 60


def _shown(text: object) -> str:
    shown = repr(text)
    return shown if len(shown) <= _SHOWN_CHARS else shown[:_SHOWN_CHARS] + "…"
