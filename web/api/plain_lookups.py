"""Answers the plainest look-ups of one X account without the framework, to the byte as the route of `web.api.directory`.

Finding a route, reading its parameter and making its answer cost the framework as much as the look-up itself. Whatever is
not plain (another parameter, another spelling, what is no account) is left to the route, which is what the OpenAPI document
describes.
"""

import re
from typing import Final

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from directory.errors import InvalidIdentifier
from directory.identifiers import XHandle, XId
from directory.queries import Query
from directory.ranking import Match
from directory.services.batching import LookupBatcher
from web.api.schema import as_json, lookup_out
from web.middleware.caching import A_MINUTE_BETWEEN, validated
from web.middleware.refusals import Refusals

LOOKUP_PATH: Final = "/api/v1/lookup"
_PLAIN: Final = re.compile(rb"x=(@|%40)?([0-9A-Za-z_]{1,20})")
_HEADERS: Final = [
    *((name.encode(), value.encode()) for name, value in A_MINUTE_BETWEEN.items()),
    (b"content-type", b"application/json"),
]


class PlainLookups:
    """Goes around the routes, inside of all that holds for each answer."""

    def __init__(self, app: ASGIApp, lookups: LookupBatcher, refusals: Refusals) -> None:
        self._app = app
        self._lookups = lookups
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or (query := _plain_query(scope)) is None:
            await self._app(scope, receive, send)
            return
        scope["path_template"] = LOOKUP_PATH
        try:
            found = await self._lookups.lookup(query)
            status, headers, body = _answer(scope, found)
        except Exception as error:  # noqa: BLE001 - as around a route: whatever it is, it is answered
            await self._refusals.answer(error, scope, receive, send)
            return
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})


def _plain_query(scope: HTTPScope) -> Query | None:
    """Reads a plain look-up: a bare number is an id, all else a handle. Returns None for everything else."""
    if scope["path"] != LOOKUP_PATH or scope["method"] != HttpMethod.GET:
        return None
    plain = _PLAIN.fullmatch(scope["query_string"])
    if plain is None:
        return None
    text = plain[2].decode()
    try:
        if plain[1] is None and text.isdecimal():
            return Query(x_id=XId.parse(text))
        return Query(x_handle=XHandle.parse(text))
    except InvalidIdentifier:
        return None


def _answer(scope: HTTPScope, found: Match) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    body = as_json(lookup_out(found))
    headers = [*_HEADERS, (b"content-length", str(len(body)).encode())]
    status, headers = validated(scope["headers"], headers, body)
    return status, headers, body if status == 200 else b""
