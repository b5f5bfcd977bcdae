"""Numbers of posts, made as X makes them."""

from datetime import UTC, datetime, timedelta
from typing import Final

from directory.proofs.post_url import XPostId
from directory.x_time import X_EPOCH_MS

_SEQUENCE_BITS: Final = 22
_UNIX_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def first_post_id_at(time: datetime) -> XPostId:
    """The lowest number that a post of that millisecond can have; times before X's epoch give the first of all."""
    passed_ms = (time - _UNIX_EPOCH) // timedelta(milliseconds=1) - X_EPOCH_MS
    return XPostId(max(passed_ms << _SEQUENCE_BITS, 1))
