"""Reads the time of a post from its id.

X numbers posts since November 2010 by time: the bits above the lowest 22 are the milliseconds since X's epoch. Only X
chooses them, so the time needs no answer from any source.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from directory.proofs.post_url import XPostId

X_EPOCH_MS: Final = 1_288_834_974_657
_SEQUENCE_BITS: Final = 22
_UNIX_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def post_time(post: XPostId) -> datetime:
    """Returns the time of a post, to the millisecond.

    An id from before X numbered by time (below 2^35) gives a time in November 2010, which is later than the post and
    earlier than any challenge.
    """
    return _UNIX_EPOCH + timedelta(milliseconds=(post.value >> _SEQUENCE_BITS) + X_EPOCH_MS)
