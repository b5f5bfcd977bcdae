"""The port of all sources of posts, and what their readers share."""

from typing import Final, Protocol, TypeVar

import msgspec

from directory.proofs.post_url import XPostId
from directory.proofs.reasons import UnreachableReason
from directory.proofs.results import Reading, Unreachable

OK: Final = 200

T = TypeVar("T")


class Source(Protocol):
    """A service that shows posts. `tells_id` is whether it can tell the author's id beside the handle."""

    @property
    def name(self) -> str: ...

    @property
    def tells_id(self) -> bool: ...

    @property
    def redirects(self) -> int:
        """How many redirects to follow when asking."""
        ...

    def url(self, post: XPostId) -> str:
        """The address to GET."""
        ...

    def read(self, asked: XPostId, status: int, body: bytes) -> Reading:
        """Reads the answer about a post. Total: returns for any answer."""
        ...


def of_status(status: int) -> Unreachable:
    """Returns what a status other than 200 means, where the source gives it no meaning of its own."""
    if status == 429:
        return Unreachable(UnreachableReason.TOO_MANY_REQUESTS)
    if 500 <= status <= 599:
        return Unreachable(UnreachableReason.SOURCE_BROKEN)
    if 400 <= status <= 499:
        return Unreachable(UnreachableReason.TURNED_AWAY)
    return Unreachable(UnreachableReason.UNREADABLE)


def read_json(body: bytes, shape: type[T]) -> T | None:
    """Decodes the body as JSON of that shape. Returns None where it is not. Total."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
