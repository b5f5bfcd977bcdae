"""Answers HEAD on public addresses as GET without its body (RFC 9110, section 9.3.2)."""

from typing import Final

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

_OF_MEMBERS: Final = ("/account", "/oauth/", "/sign-in")
"""Addresses that are for a browser's own person alone. Coming back from a network spends the sign-in."""


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
    return scope["method"] == HttpMethod.HEAD and not scope["path"].startswith(_OF_MEMBERS)
