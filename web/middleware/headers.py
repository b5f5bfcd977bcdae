"""The headers that every answer carries."""

from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

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


STATIC_PATH: Final = "/static/"
# The content of an address with its hash never changes. Modules import each other by addresses without one.
_FOREVER: Final = (b"cache-control", b"public, max-age=31536000, immutable")
_ASK_AGAIN: Final = (b"cache-control", b"no-cache")


class HeadersMiddleware:
    """Adds security headers to all answers, and CORS to the public API."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self._app = app
        self._always = [*_ALWAYS, _OVER_HTTPS] if is_https else list(_ALWAYS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        is_open = scope["path"].startswith(_OPEN_PATHS)
        added = [*self._always, *_CORS] if is_open else [*self._always, _OURS_ALONE]
        if scope["path"].startswith(STATIC_PATH):
            added = [*added, _FOREVER if scope["query_string"].startswith(b"v=") else _ASK_AGAIN]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *added]
            await send(message)

        if is_open and _is_preflight(scope):
            await send_with_headers({"type": "http.response.start", "status": 204, "headers": _PREFLIGHT})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        await self._app(scope, receive, send_with_headers)


def _is_preflight(scope: HTTPScope) -> bool:
    return scope["method"] == "OPTIONS" and any(
        name == b"access-control-request-method" for name, _ in scope["headers"]
    )
