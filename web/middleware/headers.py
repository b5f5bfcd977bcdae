"""The headers that every answer carries."""

from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from directory.networks.bluesky.client import LOGO_PATH

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "worker-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_ALWAYS: Final = [
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), browsing-topics=()"),
]
# Else a page of another origin could show what is served to a member alone, such as the pictures of a plan.
_OURS_ALONE: Final = (b"cross-origin-resource-policy", b"same-origin")
_SHOWN_ELSEWHERE: Final = (b"cross-origin-resource-policy", b"cross-origin")
"""Of our logo alone: the servers where people sign in show it beside our name."""
_OVER_HTTPS: Final = (b"strict-transport-security", b"max-age=31536000")
# Open to the scripts of every site (Fetch, CORS protocol); nothing under these paths reads a cookie.
_OPEN_PATHS: Final = ("/log/", "/api/v1/", "/api/openapi.json", "/.well-known/", "/nodeinfo/")
_CORS: Final = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag, RateLimit, RateLimit-Policy, Retry-After"),
]
_PREFLIGHT: Final = [
    (b"access-control-allow-methods", b"GET, HEAD, POST, OPTIONS"),
    (b"access-control-allow-headers", b"Content-Type, If-None-Match"),
    (b"access-control-max-age", b"86400"),
    (b"content-length", b"0"),
]


CACHE_CONTROL: Final = b"cache-control"
_OF_ITS_READER: Final = (CACHE_CONTROL, b"private, no-cache")
"""Of an answer that says nothing else: kept for its reader alone, and asked for again each time."""


class HeadersMiddleware:
    """Adds security headers to all answers, CORS to the public API, and how long to keep it where an answer does not say."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self._app = app
        always = [*_ALWAYS, _OVER_HTTPS] if is_https else list(_ALWAYS)
        # Made once, and not for each answer.
        self._of_open = (*always, *_CORS)
        self._of_logo = (*always, _SHOWN_ELSEWHERE)
        self._of_others = (*always, _OURS_ALONE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        added = self._added_to(scope["path"])

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = list(message["headers"])
                if CACHE_CONTROL not in [name.lower() for name, _ in own]:
                    own.append(_OF_ITS_READER)
                own += added
                message["headers"] = own
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _added_to(self, path: str) -> tuple[tuple[bytes, bytes], ...]:
        if path.startswith(_OPEN_PATHS):
            return self._of_open
        return self._of_logo if path == LOGO_PATH else self._of_others


class PreflightMiddleware:
    """Answers the questions that browsers ask before a script of another site may ask its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != ScopeType.HTTP
            or not _is_preflight(scope)
            or not scope["path"].startswith(_OPEN_PATHS)
        ):
            await self._app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 204, "headers": _PREFLIGHT})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _is_preflight(scope: HTTPScope) -> bool:
    return scope["method"] == "OPTIONS" and any(
        name == b"access-control-request-method" for name, _ in scope["headers"]
    )
