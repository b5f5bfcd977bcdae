"""Answers HEAD on public addresses as GET without its body (RFC 9110, section 9.3.2)."""

from typing import Final

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

_PAGES: Final = frozenset(
    {
        "/",
        "/about",
        "/api/docs",
        "/apple-touch-icon.png",
        "/favicon.ico",
        "/manifest.webmanifest",
        "/robots.txt",
        "/healthz",
        "/left-x",
        "/readyz",
        "/results",
        "/search",
        "/whose",
    }
)
_FOLDERS: Final = (
    "/.well-known/",
    "/api/v1/instance",
    "/api/v1/lookup",
    "/api/v1/peers",
    "/api/v1/reverse",
    "/api/v1/stats",
    "/m/",
    "/nodeinfo/",
    "/static/",
    "/x/",
)
"""Addresses where reading changes nothing. An address that is not named answers for itself: a link to a proof is used up by
the one who opens it, and coming back from a network spends the sign-in."""


class HeadMiddleware:
    """Programs ask with HEAD first: link checks, previews, clients of WebFinger."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or not _is_public_head(scope):
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        scope["method"] = HttpMethod.GET
        await self._app(scope, receive, send_head)


def _is_public_head(scope: HTTPScope) -> bool:
    path = scope["path"]
    return scope["method"] == HttpMethod.HEAD and (path in _PAGES or path.startswith(_FOLDERS))
