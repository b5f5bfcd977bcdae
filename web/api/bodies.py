"""Reads JSON bodies: typed, bounded, without duplicate keys or invalid numbers."""

import json
from typing import Any, Final, TypeVar

import msgspec
from litestar import Request
from litestar.exceptions import ClientException, HTTPException

T = TypeVar("T")

MAX_MATCH_BODY_BYTES: Final = 1_000_000


class UnsupportedMediaType(HTTPException):
    """The body is not JSON by its header."""

    status_code = 415


async def read_json_bytes(request: Request[Any, Any, Any]) -> bytes:
    """Reads the body of a request that says it is JSON. Raises a 413 or 415."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # Read before anything is refused: an answer to an unread body ends its connection.
    body = await request.body()
    if content_type != "application/json":
        raise UnsupportedMediaType(detail="the body is not application/json")
    return body


def decode_body(body: bytes, kind: type[T]) -> T:
    """Decodes a body as a `kind`. Raises a 400 with one sentence that names what is wrong."""
    try:
        value = msgspec.json.decode(body, type=kind)
        json.loads(body, object_pairs_hook=_without_duplicates)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ClientException(detail=f"the body cannot be read: {_reason(error)}") from error
    return value


def _reason(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuses duplicate keys. msgspec takes the last of two equal keys, and two readers of one body must not
    disagree."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands in it twice")
    return found
