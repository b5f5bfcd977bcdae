"""Answers HEAD wherever GET is answered, as GET without its body (RFC 9110, section 9.3.2)."""

import re
from typing import Final

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

_CHANGES: Final = re.compile(
    r"/account/prove/?"  # makes the first sentence
    r"|/account/runs/[^/]+/news/?"  # goes on for minutes
    r"|/api/v1/proof/.*"  # a link to a proof is used up by the one who opens it
    r"|/federation/.*"  # a signed request is used up
    r"|/log/.*|/\.well-known/passerelle"  # answer for themselves
    r"|/oauth/[a-z]+/callback(?:/.*)?"  # coming back from a network spends the sign-in
)
"""Addresses where reading changes something, or that answer HEAD for themselves. Elsewhere a scanner of links may ask."""
_SLASHES: Final = re.compile("//+")


class HeadMiddleware:
    """Programs ask with HEAD first: link checks, previews, clients of WebFinger."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or not _is_answered(scope):
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = b""
            scope["method"] = HttpMethod.HEAD  # some servers look there for whether a body is to come
            await send(message)

        scope["method"] = HttpMethod.GET
        try:
            await self._app(scope, receive, send_head)
        finally:
            scope["method"] = HttpMethod.HEAD  # for whoever answers instead


def _is_answered(scope: HTTPScope) -> bool:
    return scope["method"] == HttpMethod.HEAD and answers_head(scope["path"])


def answers_head(path: str) -> bool:
    """Returns whether HEAD of this path is answered as GET would be."""
    return _CHANGES.fullmatch(_SLASHES.sub("/", path)) is None
