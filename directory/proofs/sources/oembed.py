"""The source oEmbed of X, the documented way to embed a post. Tells the author's handle, never the id, and no edits.

`GET <base>/oembed?url=<post>&omit_script=1&dnt=true`: 403 where the author shows posts to followers only,
404 where there is no such post.
https://developer.x.com/en/docs/tweets/post-and-engage/api-reference/get-statuses-oembed
"""

from typing import ClassVar, Final
from urllib.parse import urlencode, urlsplit

import msgspec

from directory.errors import InvalidIdentifier
from directory.identifiers import XHandle
from directory.proofs.post_url import XPostId, parse_post_url
from directory.proofs.reasons import UnreachableReason
from directory.proofs.results import PostSeen, Reading, Unreachable
from directory.proofs.sources.first_paragraph import first_paragraph
from directory.proofs.sources.port import OK, of_status, read_json

X_BASE: Final = "https://publish.x.com"
TWITTER_BASE: Final = "https://publish.twitter.com"

_AUTHOR_HOSTS: Final = frozenset({"x.com", "twitter.com"})
_UNREADABLE: Final = Unreachable(UnreachableReason.UNREADABLE)


class _Embed(msgspec.Struct):
    url: str
    author_url: str
    html: str


class OEmbed(msgspec.Struct, frozen=True):
    """The source at a base address. `post_host` is the host in the address of a post: each finds its own best."""

    tells_id: ClassVar[bool] = False
    redirects: ClassVar[int] = 1
    """publish.x.com was seen to redirect to publish.twitter.com."""

    base: str = X_BASE
    post_host: str = "x.com"
    name: str = "oembed-x"

    def url(self, post: XPostId) -> str:
        shown = f"https://{self.post_host}/i/status/{post}"
        # hide_thread leaves the post that this one replies to out of the html.
        query = {"url": shown, "omit_script": "1", "dnt": "true", "hide_thread": "true", "lang": "en"}
        return f"{self.base.rstrip('/')}/oembed?{urlencode(query)}"

    def read(self, asked: XPostId, status: int, body: bytes) -> Reading:
        return read_oembed(asked, status, body)


def oembed_of_x(base: str = X_BASE) -> OEmbed:
    """Makes the source at the newer host."""
    return OEmbed(base=base)


def oembed_of_twitter(base: str = TWITTER_BASE) -> OEmbed:
    """Makes the source at the older host, which knows posts by their older address."""
    return OEmbed(base=base, post_host="twitter.com", name="oembed-twitter")


def read_oembed(asked: XPostId, status: int, body: bytes) -> Reading:
    """Reads an oEmbed answer about a post. Total."""
    if status == 404:
        return Unreachable(UnreachableReason.DELETED)
    if status == 403 and not body.lstrip().startswith(
        b"<"
    ):  # an HTML page comes from a proxy before the service
        return Unreachable(UnreachableReason.PROTECTED)
    if status != OK:
        return of_status(status)
    embed = read_json(body, _Embed)
    if embed is None:
        return _UNREADABLE
    try:
        return _seen(asked, embed)
    except InvalidIdentifier:
        return _UNREADABLE


def _seen(asked: XPostId, embed: _Embed) -> Reading:
    if parse_post_url(embed.url) != asked:
        return Unreachable(UnreachableReason.OTHER_POST)
    text = first_paragraph(embed.html)
    if text is None:
        return _UNREADABLE
    handle = _parse_author(embed.author_url)
    return PostSeen(id=asked, latest=asked, author_id=None, author_handle=handle, text=text)


def _parse_author(url: str) -> XHandle:
    """Parses the handle in the address of an author's profile. Raises InvalidIdentifier."""
    kind = "the address of an author on X"
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise InvalidIdentifier(kind, url, "it is not an address") from None
    if parts.scheme not in {"http", "https"} or host not in _AUTHOR_HOSTS or "@" in parts.netloc:
        raise InvalidIdentifier(kind, url, "it is not on x.com or twitter.com")
    return XHandle.parse(parts.path.removeprefix("/"))
