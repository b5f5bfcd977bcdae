"""One spelling for each address, and text that is text: what no route is to see is refused before any is looked for.

Routing alone takes `//metrics`, `/metrics/`, `/%6detrics` and `/metrics%2f` for one address, so that a rule of a proxy for it
would have as many ways around. NUL and bytes that are no UTF-8 end in files and databases as errors.
"""

import re
import string
from typing import Final
from urllib.parse import unquote_to_bytes

from litestar.enums import ScopeType
from litestar.exceptions import ClientException, NotFoundException
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from web.problems import PROGRAM_PATHS

MAX_PATH_BYTES: Final = 8_192
"""As it was sent. The longest that is asked for is the page of a member by a handle, all of it encoded."""
MAX_QUERY_PARTS: Final = 64
"""Four thousand fit into an address, and held everybody up for eight milliseconds. An answer to a sign-in has the most: some ten."""
_OTHER_SLASHES: Final = re.compile(rb"%2f|%5c|\\", re.IGNORECASE)
_UNRESERVED: Final = (string.ascii_letters + string.digits + "-._~").encode()
_NEEDLESS: Final = {f"%{each:02{case}}".encode(): bytes([each]) for each in _UNRESERVED for case in "xX"}
"""Escapes of what needs none (RFC 3986, section 2.3), each with what it stands for."""
_ESCAPE: Final = re.compile(rb"%[2-7][0-9A-Fa-f]")
_PLAIN: Final = re.compile(rb"(?:/[A-Za-z0-9_~@-][A-Za-z0-9._~@-]*)+|/")
"""Most paths: one spelling, and text, at a tenth of the price of finding that out."""
_CONTROL: Final = re.compile("[\x00-\x1f\x7f]")
_READS: Final = ("GET", "HEAD")
_FOR_PEOPLE: Final = "/api/docs/"


class SpellingMiddleware:
    """Answers each address in one spelling. Other spellings of pages lead to it; all else is not found."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        raw = scope["raw_path"].partition(b"?")[0]
        spelled = _in_one_spelling(raw)
        if spelled == raw:
            _check_query(scope)
            await self._app(scope, receive, send)
            return
        # What was asked for is shown nowhere: `//other.example` in a link would lead away.
        scope["path"] = next((each for each in PROGRAM_PATHS if scope["path"].startswith(each)), "/")
        if spelled is None or scope["method"] not in _READS or _is_of_programs(spelled):
            raise NotFoundException
        _check_query(scope)
        await _lead_to(spelled, scope, send)


def _in_one_spelling(raw: bytes) -> bytes | None:
    """Returns a path in its one spelling. Returns None for one that cannot be an address. Pure."""
    if len(raw) > MAX_PATH_BYTES or not raw.startswith(b"/"):
        return None
    return raw if _PLAIN.fullmatch(raw) else _spell(raw)


def _spell(raw: bytes) -> bytes | None:
    if _OTHER_SLASHES.search(raw):
        return None
    if not _is_text(raw):
        return None
    plain = _ESCAPE.sub(_without_needless, raw)
    parts = [part for part in plain.split(b"/") if part]
    if b"." in parts or b".." in parts:
        return None
    return b"/" + b"/".join(parts)


def _without_needless(escape: re.Match[bytes]) -> bytes:
    return _NEEDLESS.get(escape[0], escape[0])


def _is_text(escaped: bytes) -> bool:
    try:
        return not _CONTROL.search(unquote_to_bytes(escaped).decode())
    except UnicodeDecodeError:
        return False


def _check_query(scope: HTTPScope) -> None:
    """Checks that a query is text without NUL, and of no more parts than any of ours. Raises ClientException."""
    query = scope["query_string"]
    if query.count(b"&") >= MAX_QUERY_PARTS:
        raise ClientException(detail="the query has too many parts")
    if b"%" not in query and b"\0" not in query and query.isascii():
        return
    try:
        text = unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        raise ClientException(detail="the query is not UTF-8") from None
    if "\0" in text:
        raise ClientException(detail="the query holds a NUL character")


def _is_of_programs(path: bytes) -> bool:
    text = path.decode() + "/"
    return text != _FOR_PEOPLE and text.startswith((*PROGRAM_PATHS, "/static/", "/metrics/"))


async def _lead_to(path: bytes, scope: HTTPScope, send: Send) -> None:
    query = scope["query_string"]
    location = path + b"?" + query if query else path
    headers = [(b"location", location), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 308, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
