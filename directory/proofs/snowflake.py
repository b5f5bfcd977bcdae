"""Reads the time of a proof post from its id."""

from datetime import datetime

from directory.proofs.post_url import XPostId
from directory.x_time import time_of_post


def post_time(post: XPostId) -> datetime:
    """Returns the time of a post, to the millisecond.

    An id from before X numbered by time (below 2^35) gives a time in November 2010, which is later than the post and
    earlier than any challenge.
    """
    return time_of_post(post.value)
