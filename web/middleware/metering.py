"""Counts and times all answers, also those from before any route: by route, never by what was asked."""

import time
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import Counter, Gauge, Histogram

NO_ROUTE: Final = "none"
OTHER_METHOD: Final = "other"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods that are counted by name: callers can send any word."""
_LABELS: Final = ("method", "path", "status_code")

_REQUESTS: Final = Counter("passerelle_requests_total", "Total requests", _LABELS)
_ERRORS: Final = Counter("passerelle_requests_error_total", "Total errors in requests", _LABELS)
_SECONDS: Final = Histogram(
    "passerelle_request_duration_seconds", "Request duration until the answer begins, in seconds", _LABELS
)
_UNDER_WAY: Final = Gauge("passerelle_requests_in_progress", "Total requests currently in progress")


class MeteringMiddleware:
    """Counts each request once, with the status that it was answered with; 499 where it had no answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else OTHER_METHOD
        begun, status, took_s = time.perf_counter(), 499, 0.0

        async def send_measured(message: Message) -> None:
            nonlocal status, took_s
            if message["type"] == "http.response.start":
                status, took_s = message["status"], time.perf_counter() - begun
            await send(message)

        try:
            with _UNDER_WAY.track_inprogress():
                await self._app(scope, receive, send_measured)
        finally:
            labels = (method, str(scope.get("path_template") or NO_ROUTE), str(status))
            _REQUESTS.labels(*labels).inc()
            _SECONDS.labels(*labels).observe(took_s or time.perf_counter() - begun)
            if status >= 500:
                _ERRORS.labels(*labels).inc()
