"""Has the framework forget what it has parsed: it keeps the queries, paths, addresses and cookies of the last thousand requests.

These name who was looked for, and hold the secrets of sessions that have ended; and a query of some kilobytes takes a
hundred times as much once it is parsed.
"""

import sys
from collections.abc import Iterator
from functools import _lru_cache_wrapper
from typing import Any, Final
from urllib.parse import urlsplit

from litestar import Litestar
from litestar.types import ASGIApp, Receive, Scope, Send

_FRAMEWORK: Final = "litestar"


class ForgettingMiddleware:
    """Goes around everything that looks at a request: refusals are answered outside of the routes."""

    def __init__(self, app: ASGIApp, routes: Litestar) -> None:
        """`routes` are complete: what they need of the framework is loaded."""
        self._app = app
        self._router = routes.asgi_router
        self._kept = _find_caches()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            # What others have under way is parsed already, or is parsed again.
            for kept in self._kept:
                kept.cache_clear()
            if scope.get("path_params"):
                self._forget_routes()

    def _forget_routes(self) -> None:
        """Has paths with names in them routed anew: those of the last thousand are kept with their routes."""
        routing = self._router.handle_routing
        if isinstance(routing, _lru_cache_wrapper):
            routing.cache_clear()


def _find_caches() -> "tuple[_lru_cache_wrapper[Any], ...]":
    """Finds the caches of the framework, wherever its next release has them."""
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == _FRAMEWORK]
    found = {id(kept): kept for module in modules for kept in _caches_in(vars(module))}
    if isinstance(urlsplit, _lru_cache_wrapper):
        found[id(urlsplit)] = urlsplit
    return tuple(found.values())


def _caches_in(named: "dict[str, Any]") -> "Iterator[_lru_cache_wrapper[Any]]":
    for value in named.values():
        if isinstance(value, _lru_cache_wrapper):
            yield value
        elif isinstance(value, type):
            methods = [getattr(each, "__func__", each) for each in vars(value).values()]
            yield from (each for each in methods if isinstance(each, _lru_cache_wrapper))
