"""`tweets.js` as the mentions in it: who was called what, and when. Nothing else is kept.

Lenient in content: names are a help, and X wrote these files in many ways over the years.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from directory.archive.json_stream import Event
from directory.archive.limits import MAX_DEPTH, MAX_MENTIONS_PER_TWEET
from directory.archive.problems import ArchiveError, ArchiveProblem
from directory.errors import InvalidIdentifier
from directory.identifiers import XHandle, XId

_OPENING: Final = frozenset({"start_map", "start_array"})
_CLOSING: Final = frozenset({"end_map", "end_array"})
_MENTION_FIELDS: Final = frozenset({"id_str", "id", "screen_name"})
_TWEET_FIELDS: Final = frozenset({"id_str", "id"})
_NOWHERE: Final = -1


class Mention(NamedTuple):
    """In the tweet `tweet_id` (0 if unknown) the account `x_id` went by `handle`."""

    tweet_id: int
    x_id: int
    handle: str


class MentionReader:
    """Reads `[{"tweet": {"id_str", "entities": {"user_mentions": [{"id_str", "screen_name"}]}}}]`.

    Before 2020 a tweet stood in the list without the `tweet` around it.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._depth = 0
        self._keys: list[object] = [None] * (MAX_DEPTH + 1)
        self._tweet_id: object = None
        self._mention_depth = _NOWHERE
        self._fields: dict[object, object] = {}
        self._mentions: list[tuple[int, str]] = []
        self.skipped = 0
        """Mentions without a readable id and handle: of deleted accounts, mostly."""

    def read(self, batches: Iterable[list[Event]]) -> Iterator[Mention]:
        """Raises ArchiveError(WRONG_SHAPE) where it is no list of objects, or nested too deep."""
        for events in batches:
            for event, value in events:
                if event == "map_key":
                    self._keys[self._depth] = value
                elif event in _OPENING:
                    self._open(event)
                elif event not in _CLOSING:
                    self._take_value(value)
                elif self._depth == 2:
                    yield from self._finish_tweet()
                else:
                    self._close()

    def _open(self, event: str) -> None:
        depth = self._depth
        if depth >= MAX_DEPTH or (depth < 2 and event != ("start_array", "start_map")[depth]):
            raise ArchiveError(ArchiveProblem.WRONG_SHAPE, self._file)
        if event == "start_map" and self._is_mention_list(depth):
            self._mention_depth = depth + 1
            self._fields = {}
        self._depth = depth + 1
        self._keys[depth + 1] = None

    def _is_mention_list(self, depth: int) -> bool:
        """Whether `depth` lies in `entities.user_mentions` of the tweet itself, not of one inside it."""
        if depth not in {4, 5}:
            return False
        keys = self._keys
        is_wrapped = keys[2] == "tweet"
        return depth == 4 + is_wrapped and keys[depth - 2 : depth] == ["entities", "user_mentions"]

    def _take_value(self, value: object) -> None:
        key = self._keys[self._depth]
        if self._depth == self._mention_depth:
            if key in _MENTION_FIELDS:
                self._fields[key] = value
        elif self._depth <= 1:
            raise ArchiveError(ArchiveProblem.WRONG_SHAPE, self._file)
        elif key in _TWEET_FIELDS and self._depth == 2 + (self._keys[2] == "tweet"):
            self._tweet_id = value

    def _close(self) -> None:
        if self._depth == self._mention_depth:
            self._mention_depth = _NOWHERE
            self._finish_mention()
        self._depth -= 1

    def _finish_mention(self) -> None:
        x_id = _parse_id(self._fields.get("id_str")) or _parse_id(self._fields.get("id"))
        handle = _parse_handle(self._fields.get("screen_name"))
        if x_id and handle and len(self._mentions) < MAX_MENTIONS_PER_TWEET:
            self._mentions.append((x_id, handle))
        else:
            self.skipped += 1

    def _finish_tweet(self) -> Iterator[Mention]:
        tweet_id = _parse_id(self._tweet_id) or 0
        for x_id, handle in self._mentions:
            yield Mention(tweet_id, x_id, handle)
        self._tweet_id = None
        self._mentions = []
        self._depth = 1


def _parse_id(text: object) -> int | None:
    try:
        return XId.parse(text).value
    except InvalidIdentifier:
        return None


def _parse_handle(text: object) -> str | None:
    try:
        return XHandle.parse(text).value
    except InvalidIdentifier:
        return None
