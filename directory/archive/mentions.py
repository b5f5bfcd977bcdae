"""Reads the mentions in `tweets.js`: account, handle and time. Nothing else is kept.

Lenient in content: names are a help, and X wrote these files in many ways over the years.

What is retweeted is older than the retweet, by years maybe, and nothing in the file tells its day. So of a retweet only the
mention of its author is of its own time; whoever that text mentions was called so at some time before.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final, NamedTuple

from directory.archive.json_stream import Event
from directory.archive.limits import MAX_DEPTH, MAX_MENTIONS_PER_TWEET
from directory.archive.problems import ArchiveError, ArchiveProblem
from directory.errors import InvalidIdentifier
from directory.identifiers import XId
from directory.x_names import X_NAME

_FIELDS: Final = frozenset({"id_str", "id", "screen_name", "full_text", "text"})
_TWEET: Final[list[object]] = ["tweet"]
_TWEET_ID: Final = "id_str"
_TEXTS: Final = frozenset({"full_text", "text"})
_RETWEET: Final = re.compile(rf"RT @({X_NAME.pattern}):")
_MENTIONS: Final[list[object]] = ["entities", "user_mentions"]
_ITEM_DEPTH: Final = 2
_NOWHERE: Final = -1


class Mention(NamedTuple):
    """The account `x_id` had `handle` in the tweet `tweet_id` (0 if unknown); or at some time before, where it is not
    `is_dated`."""

    tweet_id: int
    x_id: int
    handle: str
    is_dated: bool = True


class MentionReader:
    """Reads `[{"tweet": {"id_str", "full_text", "entities": {"user_mentions": [{"id_str", "screen_name"}]}}}]`.

    Before 2020 the tweets stood in the list without the `tweet` around each.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._keys: list[object] = [None] * (MAX_DEPTH + 1)
        """The current key at each depth; None in an array."""
        self._tweet_id: object = None
        self._retweeted: str | None = None
        """Whose tweet is retweeted, in lower case; None where it is no retweet."""
        self._fields: dict[object, object] = {}
        self._mention_depth = _NOWHERE
        self._mentions: list[tuple[int, str]] = []
        self.skipped = 0
        """Mentions without a readable id and handle, mostly of deleted accounts, and those beyond the limit."""

    def read(self, batches: Iterable[list[Event]]) -> Iterator[Mention]:
        """Yields the mentions. Raises ArchiveError(WRONG_SHAPE) where it is no list of objects, or nested too deep."""
        depth, keys = 0, self._keys
        for event, value in chain.from_iterable(batches):
            if event == "map_key":
                keys[depth] = value
            elif event in {"start_map", "start_array"}:
                if depth < _ITEM_DEPTH or depth == MAX_DEPTH:
                    self._check_opening(depth, event)
                depth += 1
                keys[depth] = None
            elif event in {"end_map", "end_array"}:
                if depth == self._mention_depth:
                    self._finish_mention()
                depth -= 1
                if depth == 1:
                    yield from self._finish_tweet()
            elif keys[depth] in _FIELDS or depth < _ITEM_DEPTH:
                self._take_value(depth, value)

    def _check_opening(self, depth: int, event: str) -> None:
        if depth == MAX_DEPTH or event != ("start_array", "start_map")[depth]:
            raise ArchiveError(ArchiveProblem.WRONG_SHAPE, self._file)

    def _take_value(self, depth: int, value: object) -> None:
        """Takes a value of the tweet itself, not of a tweet inside it."""
        if depth < _ITEM_DEPTH:
            raise ArchiveError(ArchiveProblem.WRONG_SHAPE, self._file)
        path = self._keys[_ITEM_DEPTH:depth]
        if path[:1] == _TWEET:
            path = path[1:]
        if not path:
            if self._keys[depth] == _TWEET_ID:
                self._tweet_id = value
            elif self._keys[depth] in _TEXTS:
                self._take_text(self._keys[depth], value)
        elif len(path) == 3 and path[:2] == _MENTIONS:
            self._mention_depth = depth
            self._fields[self._keys[depth]] = value

    def _take_text(self, key: object, text: object) -> None:
        """Takes the text of a tweet, the full one before the other."""
        retweeted = _retweeted_in(text)
        if retweeted is not None and (key == "full_text" or self._retweeted is None):
            self._retweeted = retweeted

    def _finish_mention(self) -> None:
        x_id = _parse_id(self._fields.get("id_str")) or _parse_id(self._fields.get("id"))
        handle = _parse_handle(self._fields.get("screen_name"))
        if x_id and handle and len(self._mentions) < MAX_MENTIONS_PER_TWEET:
            self._mentions.append((x_id, handle))
        else:
            self.skipped += 1
        self._fields = {}
        self._mention_depth = _NOWHERE

    def _finish_tweet(self) -> Iterator[Mention]:
        tweet_id = _parse_id(self._tweet_id) or 0
        for x_id, handle in self._mentions:
            is_dated = self._retweeted is None or handle.lower() == self._retweeted
            yield Mention(tweet_id, x_id, handle, is_dated)
        self._tweet_id = self._retweeted = None
        self._mentions = []


def _retweeted_in(text: object) -> str | None:
    found = _RETWEET.match(text) if isinstance(text, str) else None
    return found[1].lower() if found is not None else None


def _parse_id(text: object) -> int | None:
    try:
        return XId.parse(text).value
    except InvalidIdentifier:
        return None


def _parse_handle(text: object) -> str | None:
    return text if isinstance(text, str) and X_NAME.fullmatch(text) else None
