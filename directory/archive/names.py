"""Finds the handles of people on the lists, from mentions.

X sells handles again, so the newest mention of a handle decides whose it is. A handle that has since
passed to another account is dropped, or a stranger would be found by it.
"""

from collections.abc import Container
from datetime import date

from directory.archive.limits import MAX_STRANGERS
from directory.archive.mentions import Mention
from directory.identifiers import XHandle
from directory.x_time import day_of_post


class Names:
    """The newest handle of each of `people`, and the newest bearer of each handle."""

    def __init__(self, people: Container[int], *, max_strangers: int = MAX_STRANGERS) -> None:
        self._people = people
        self._strangers_left = max_strangers
        self._handle_of: dict[int, tuple[int, str]] = {}
        self._bearer_of: dict[str, tuple[int, int]] = {}

    def see(self, mention: Mention) -> None:
        """Takes a mention, in any order: the larger tweet id is the newer."""
        tweet_id, x_id, handle = mention
        is_known = x_id in self._people
        if is_known and tweet_id > self._handle_of.get(x_id, (-1, ""))[0]:
            self._handle_of[x_id] = (tweet_id, handle)
        key = handle.lower()
        bearer = self._bearer_of.get(key)
        if bearer is None:
            if not is_known:
                if self._strangers_left == 0:
                    return
                self._strangers_left -= 1
            self._bearer_of[key] = (tweet_id, x_id)
        elif tweet_id > bearer[0]:
            self._bearer_of[key] = (tweet_id, x_id)

    def name_of(self, x_id: int) -> tuple[XHandle | None, date | None]:
        """Returns the newest handle of `x_id`, and the day of the tweet that told it, None where that is unknown.

        The handle is None where there is none, or another account was seen with it since.
        """
        tweet_id, handle = self._handle_of.get(x_id, (0, None))
        if handle is None or self._bearer_of[handle.lower()][1] != x_id:
            return None, None
        return XHandle(handle), day_of_post(tweet_id)
