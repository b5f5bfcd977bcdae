"""ETag and conditional requests (RFC 9110, sections 8.8.3 and 13) for the small answers of the API, and
for the pages that somebody can withdraw."""

import hashlib
from collections.abc import Iterable
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

from web.conditions import has_already

CACHED_PATHS: Final = (
    "/api/",
    "/.well-known/",
    "/nodeinfo/",
    "/x/",
    "/m/",
    "/whose",
    "/manifest.webmanifest",
)
SHORT: Final = b"public, max-age=60"
ASKED_AGAIN: Final = {"cache-control": "no-cache"}
"""Of pages that somebody can withdraw: a browser may keep them, and asks each time whether they still hold."""
A_MINUTE_BETWEEN: Final = {"cache-control": "public, max-age=0, s-maxage=60"}
"""Of look-ups by programs: their own caches ask each time, what stands between may answer for a minute."""

Headers = Iterable[tuple[bytes, bytes]]


class CachingMiddleware:
    """Adds a validator and a short lifetime to a 200 to GET, and answers 304 where the reader has the content
    already."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_cached = (
            scope["type"] == ScopeType.HTTP
            and scope["method"] in {"GET", "HEAD"}
            and scope["path"].startswith(CACHED_PATHS)
        )
        await self._app(scope, receive, _Validator(scope, send) if is_cached else send)


class _Validator:
    """Holds the start of an answer back until its body is known, from which the validator is made."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._asked = scope["headers"]
        self._send = send
        self._start: HTTPResponseStartEvent | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            self._start = message
            return
        if message["type"] == "http.response.body" and self._start is not None:
            start, self._start = self._start, None
            if message.get("more_body"):
                await self._send(start)
            elif await self._answer(start, message["body"]):
                return
        await self._send(message)

    async def _answer(self, start: HTTPResponseStartEvent, body: bytes) -> bool:
        """Sends the start with its validator. Returns True where the body is not to be sent: the reader has it."""
        start["status"], start["headers"] = validated(self._asked, start["headers"], body)
        await self._send(start)
        if start["status"] != 304:
            return False
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        return True


def validated(asked: Headers, headers: Headers, body: bytes) -> tuple[int, list[tuple[bytes, bytes]]]:
    """Returns the status of a good answer, and its headers with a validator and a lifetime. Where the status is 304, whoever
    asks has the body already, and it is not sent."""
    etag = b'W/"' + hashlib.blake2b(body, digest_size=12).hexdigest().encode() + b'"'
    more = [*headers]
    if b"cache-control" not in [name for name, _ in more]:
        more.append((b"cache-control", SHORT))
    more.append((b"etag", etag))
    if not has_already(asked, etag):
        return 200, more
    return 304, [pair for pair in more if pair[0] not in {b"content-length", b"content-type"}]
