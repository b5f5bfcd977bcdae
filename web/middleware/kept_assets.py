"""Answers a lasting address of a static file with what its route answered before, without the framework.

A first visit fetches seven files, and finding a route and making its answer cost more than all the rest. The address has
the version of the content in it, so the answer is the same for as long as this process runs. Whatever else is asked for, or
asked with a condition, is left to the route.
"""

from typing import Final, NamedTuple

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from web.static_files import lasting_addresses, takes_gzip

_START: Final = "http.response.start"
_BODY: Final = "http.response.body"
_OK: Final = 200


class _Key(NamedTuple):
    path: str
    query: bytes
    is_zipped: bool


class _Kept(NamedTuple):
    template: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class KeptAssets:
    """Goes around the routes, inside of all that holds for each answer. It keeps two answers of each static file at most."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._lasting = lasting_addresses()
        self._kept: dict[_Key, _Kept] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or (key := self._key_of(scope)) is None:
            await self._app(scope, receive, send)
            return
        kept = self._kept.get(key)
        if kept is None:
            await self._keep(key, scope, receive, send)
            return
        scope["path_template"] = kept.template
        await send({"type": _START, "status": _OK, "headers": [*kept.headers]})
        await send({"type": _BODY, "body": kept.body, "more_body": False})

    def _key_of(self, scope: HTTPScope) -> _Key | None:
        path, query = scope["path"], scope["query_string"]
        if (path, query) not in self._lasting or scope["method"] != HttpMethod.GET:
            return None
        accepted = b""
        for name, value in scope["headers"]:
            if name == b"accept-encoding":
                if accepted:
                    return None
                accepted = value
            elif name.startswith((b"if-", b"range")):
                return None
        return _Key(path, query, takes_gzip(accepted.decode("latin-1")))

    async def _keep(self, key: _Key, scope: HTTPScope, receive: Receive, send: Send) -> None:
        headers: tuple[tuple[bytes, bytes], ...] | None = None

        async def keeping(message: Message) -> None:
            nonlocal headers
            if message["type"] == _START:
                headers = tuple(message["headers"]) if message["status"] == _OK else None
            elif message["type"] == _BODY and message["more_body"]:
                headers = None
            elif message["type"] == _BODY and headers is not None:
                self._kept[key] = _Kept(scope["path_template"], headers, message["body"])
            await send(message)

        await self._app(scope, receive, keeping)
