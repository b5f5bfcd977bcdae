"""Counts and times all answers, also those from before any route: by route, never by what was asked."""

import time
from functools import cache
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


@cache
def _counters_of(method: str, path: str, status: int) -> tuple[Counter | None, Counter, Histogram]:
    """Returns what counts the errors, the answers and the times of one method, route and status.

    Finding them takes longer than counting. There are as many as routes, methods of `METHODS` and statuses: no caller makes
    others.
    """
    labels = (method, path, str(status))
    errors = _ERRORS.labels(*labels) if status >= 500 else None
    return errors, _REQUESTS.labels(*labels), _SECONDS.labels(*labels)


class MeteringMiddleware:
    """Counts each request once, with the status that it was answered with; 499 where it had no answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        begun, status, took_s = time.perf_counter(), 499, 0.0

        async def send_measured(message: Message) -> None:
            nonlocal status, took_s
            if message["type"] == "http.response.start":
                status, took_s = message["status"], time.perf_counter() - begun
            await send(message)

        method = scope["method"] if scope["method"] in METHODS else OTHER_METHOD
        _UNDER_WAY.inc()
        try:
            await self._app(scope, receive, send_measured)
        finally:
            _UNDER_WAY.dec()
            path = str(scope.get("path_template") or NO_ROUTE)
            errors, requests, seconds = _counters_of(method, path, status)
            requests.inc()
            seconds.observe(took_s or time.perf_counter() - begun)
            if errors is not None:
                errors.inc()
