"""When a post was made, told by its number.

X numbers posts since November 2010 by time: the bits above the lowest 22 are the milliseconds since
X's epoch. Nobody but X chooses them, so they need no answer from anywhere.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from directory.proofs.post_url import XPostId

X_EPOCH_MS: Final = 1_288_834_974_657
_SEQUENCE_BITS: Final = 22
_UNIX_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def post_time(post: XPostId) -> datetime:
    """The time of a post, to the millisecond.

    A number that was given out before X numbered by time (below 2^35) comes out as a time in
    November 2010, which is later than it was made and earlier than any challenge.
    """
    return _UNIX_EPOCH + timedelta(milliseconds=(post.value >> _SEQUENCE_BITS) + X_EPOCH_MS)
