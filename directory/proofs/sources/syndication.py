"""The source syndication of X, which serves its embedded posts. Undocumented; tells the author's id and the edits.

`GET <base>/tweet-result?id=<id>&lang=en&token=<token>`. A post that X does not show is answered by `{}`, by a
`TweetTombstone` (the reason in it is for people, and missing for age-gated posts), without its `user` (suspended), or
by 404. None of these tells why, so none means that the post is deleted.
"""

from typing import Any, ClassVar, Final
from urllib.parse import urlencode

import msgspec

from directory.errors import InvalidIdentifier
from directory.identifiers import XHandle, XId
from directory.proofs.html import unescape
from directory.proofs.post_url import XPostId
from directory.proofs.reasons import UnreachableReason
from directory.proofs.results import PostSeen, Reading, Unreachable
from directory.proofs.sources.port import OK, of_status, read_json
from directory.proofs.syndication_token import syndication_token

DEFAULT_BASE: Final = "https://cdn.syndication.twimg.com"
MAX_VERSIONS: Final = 64
"""X allows 5 edits today."""

_UNREADABLE: Final = Unreachable(UnreachableReason.UNREADABLE)
_WITHHELD: Final = Unreachable(UnreachableReason.WITHHELD)


class _User(msgspec.Struct):
    id_str: str
    screen_name: str


class _Initial(msgspec.Struct):
    edit_tweet_ids: list[str] = []


class _EditControl(msgspec.Struct):
    edit_tweet_ids: list[str] = []
    edit_control_initial: _Initial | None = None


class _Tweet(msgspec.Struct):
    typename: str = msgspec.field(name="__typename", default="")
    id_str: str = ""
    text: str | None = None
    user: _User | None = None
    edit_control: _EditControl | None = None
    is_stale_edit: bool = msgspec.field(name="isStaleEdit", default=False)
    note_tweet: Any = None
    """Present where the post is longer than `text`."""


class Syndication(msgspec.Struct, frozen=True):
    """The source at a base address."""

    name: ClassVar[str] = "syndication"
    tells_id: ClassVar[bool] = True
    redirects: ClassVar[int] = 0

    base: str = DEFAULT_BASE

    def url(self, post: XPostId) -> str:
        query = {"id": str(post), "lang": "en", "token": syndication_token(post)}
        return f"{self.base.rstrip('/')}/tweet-result?{urlencode(query)}"

    def read(self, asked: XPostId, status: int, body: bytes) -> Reading:
        return read_syndication(asked, status, body)


def read_syndication(asked: XPostId, status: int, body: bytes) -> Reading:
    """Reads an answer of the syndication about a post. Total."""
    if status == 404:
        return _WITHHELD
    if status != OK:
        return of_status(status)
    tweet = read_json(body, _Tweet)
    if tweet is None:
        return _UNREADABLE
    if tweet.typename == "TweetTombstone" or not tweet.id_str or tweet.user is None:
        return _WITHHELD
    if tweet.typename != "Tweet" or tweet.text is None:
        return _UNREADABLE
    try:
        return _seen(asked, tweet, tweet.user, tweet.text)
    except InvalidIdentifier:
        return _UNREADABLE


def _seen(asked: XPostId, tweet: _Tweet, user: _User, text: str) -> Reading:
    shown = XPostId.parse(tweet.id_str)
    versions = _versions(tweet.edit_control) or [shown]
    latest = versions[-1]
    if shown not in versions:
        return _UNREADABLE
    if shown != asked and not (asked in versions and shown == latest):
        return Unreachable(UnreachableReason.OTHER_POST)
    if tweet.is_stale_edit and latest == shown:
        return Unreachable(UnreachableReason.EDITED_SINCE)
    return PostSeen(
        id=shown,
        latest=latest,
        author_id=XId.parse(user.id_str),
        author_handle=XHandle.parse(user.screen_name),
        text=unescape(text),
        is_whole=tweet.note_tweet is None,
    )


def _versions(edits: _EditControl | None) -> list[XPostId]:
    """Parses the ids of all versions, oldest first. Raises InvalidIdentifier."""
    if edits is None:
        return []
    listed = edits.edit_control_initial.edit_tweet_ids if edits.edit_control_initial else edits.edit_tweet_ids
    return sorted(XPostId.parse(number) for number in listed[:MAX_VERSIONS])
