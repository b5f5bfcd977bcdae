"""The source FxTwitter, or a compatible service: a server of others, or of the operator, that reads X.

`GET <base>/i/status/<id>`: `code` and `message` beside the post are `NOT_FOUND` (404) and `PRIVATE_TWEET` (401). It
tells the author's id, and no edits. It is undocumented by X, and whoever runs it is trusted: so it is off unless the
operator gives its address.
"""

from typing import ClassVar, Final

import msgspec

from directory.errors import InvalidIdentifier
from directory.identifiers import XHandle, XId
from directory.proofs.html import unescape
from directory.proofs.post_url import XPostId
from directory.proofs.reasons import UnreachableReason
from directory.proofs.results import PostSeen, Reading, Unreachable
from directory.proofs.sources.port import OK, of_status, read_json

DEFAULT_BASE: Final = "https://api.fxtwitter.com"

_UNREADABLE: Final = Unreachable(UnreachableReason.UNREADABLE)


class _Author(msgspec.Struct):
    screen_name: str
    id: str | None = None


class _RawText(msgspec.Struct):
    text: str | None = None


class _Tweet(msgspec.Struct):
    id: str
    text: str
    author: _Author
    raw_text: _RawText | None = None


class _Answer(msgspec.Struct):
    code: int
    tweet: _Tweet | None = None


class FxTwitter(msgspec.Struct, frozen=True):
    """The source at a base address."""

    name: ClassVar[str] = "fxtwitter"
    tells_id: ClassVar[bool] = True
    redirects: ClassVar[int] = 0

    base: str = DEFAULT_BASE

    def url(self, post: XPostId) -> str:
        return f"{self.base.rstrip('/')}/i/status/{post}"

    def read(self, asked: XPostId, status: int, body: bytes) -> Reading:
        return read_fxtwitter(asked, status, body)


def read_fxtwitter(asked: XPostId, status: int, body: bytes) -> Reading:
    """Reads an answer about a post. Total."""
    answer = read_json(body, _Answer)
    if answer is None:
        return of_status(status)
    if answer.code == 404:
        return Unreachable(UnreachableReason.DELETED)
    if answer.code == 401:
        return Unreachable(UnreachableReason.PROTECTED)
    if status != OK or answer.code != OK:
        return of_status(status if status != OK else answer.code)
    if answer.tweet is None:
        return _UNREADABLE
    try:
        return _seen(asked, answer.tweet)
    except InvalidIdentifier:
        return _UNREADABLE


def _seen(asked: XPostId, tweet: _Tweet) -> Reading:
    if XPostId.parse(tweet.id) != asked:
        return Unreachable(UnreachableReason.OTHER_POST)
    author = tweet.author
    raw = tweet.raw_text.text if tweet.raw_text is not None else None
    return PostSeen(
        id=asked,
        latest=asked,
        author_id=None if author.id is None else XId.parse(author.id),
        author_handle=XHandle.parse(author.screen_name),
        text=tweet.text if raw is None else unescape(raw),
    )
