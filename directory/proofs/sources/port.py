"""What every source of posts is."""

from typing import Final, Protocol, TypeVar

import msgspec

from directory.proofs.post_url import XPostId
from directory.proofs.reasons import UnreachableReason
from directory.proofs.results import Reading, Unreachable

OK: Final = 200

T = TypeVar("T")


class Source(Protocol):
    """A service that shows a post. `tells_id`: whether it can tell the author's id, not the handle alone."""

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
        """What the answer says about the post. Total: whatever comes, it returns."""
        ...


def of_status(status: int) -> Unreachable:
    """What a status other than 200 means, where the source gives it no meaning of its own."""
    if status == 429:
        return Unreachable(UnreachableReason.TOO_MANY_REQUESTS)
    if 500 <= status <= 599:
        return Unreachable(UnreachableReason.SOURCE_BROKEN)
    if 400 <= status <= 499:
        return Unreachable(UnreachableReason.TURNED_AWAY)
    return Unreachable(UnreachableReason.UNREADABLE)


def read_json(body: bytes, shape: type[T]) -> T | None:
    """The body as JSON of that shape, or None. Total."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
