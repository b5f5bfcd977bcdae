"""Finds the handles of people on the lists, from mentions.

X sells handles again, so the newest mention of a handle decides whose it is. A handle that has since
passed to another account is dropped, or a stranger would be found by it.
"""

from collections.abc import Container
from datetime import date
from typing import Final, NamedTuple

from directory.archive.limits import MAX_STRANGERS
from directory.archive.mentions import Mention
from directory.identifiers import XHandle
from directory.x_time import day_of_post


class _Named(NamedTuple):
    is_dated: bool
    tweet_id: int
    handle: str


_NOT_NAMED: Final = _Named(is_dated=False, tweet_id=-1, handle="")


class Names:
    """The newest handle of each of `people`, and the newest bearer of each handle."""

    def __init__(self, people: Container[int], *, max_strangers: int = MAX_STRANGERS) -> None:
        self._people = people
        self._strangers_left = max_strangers
        self._handle_of: dict[int, _Named] = {}
        self._bearer_of: dict[str, tuple[int, int]] = {}
        self._undated_bearer_of: dict[str, tuple[int, int]] = {}
        """By retweets: they bore the handle in that tweet at the latest."""

    def see(self, mention: Mention) -> None:
        """Takes a mention, in any order: the larger tweet id is the newer, and one without a day is the last resort."""
        tweet_id, x_id, handle, is_dated = mention
        is_known = x_id in self._people
        named = _Named(is_dated, tweet_id, handle)
        if is_known and named[:2] > self._handle_of.get(x_id, _NOT_NAMED)[:2]:
            self._handle_of[x_id] = named
        bearers = self._bearer_of if is_dated else self._undated_bearer_of
        key = handle.lower()
        bearer = bearers.get(key)
        if bearer is None:
            if not is_known:
                if self._strangers_left == 0:
                    return
                self._strangers_left -= 1
            bearers[key] = (tweet_id, x_id)
        elif tweet_id > bearer[0]:
            bearers[key] = (tweet_id, x_id)

    def name_of(self, x_id: int) -> tuple[XHandle | None, date | None]:
        """Returns the newest handle of `x_id`, and the day of the tweet that told it, None where that is unknown.

        The handle is None where there is none, or another account was seen with it since, or may have been.
        """
        named = self._handle_of.get(x_id)
        if named is None or self._may_have_passed(named, x_id):
            return None, None
        return XHandle(named.handle), day_of_post(named.tweet_id) if named.is_dated else None

    def _may_have_passed(self, named: _Named, x_id: int) -> bool:
        key = named.handle.lower()
        if self._bearer_of.get(key, (0, x_id))[1] != x_id:
            return True
        latest, bearer = self._undated_bearer_of.get(key, (0, x_id))
        return bearer != x_id and latest > named.tweet_id
