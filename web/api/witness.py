"""Serves our witness (C2SP tlog-witness): cosigns the checkpoints of peers, and shows what it has cosigned."""

import re
from typing import Any, Final

from litestar import HttpMethod, Request, Response, post, route
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from federation.errors import (
    InvalidProof,
    Malformed,
    OtherSize,
    UnknownLog,
    UntrustedNote,
    WitnessWaits,
)
from federation.protocol.add_checkpoint import MAX_REQUEST_BYTES, SIZE_TYPE, encode_size
from web.api.answers import check_spelling
from web.services import Services

PREFIX: Final = "/federation/v1"
TEXT_TYPE: Final = "text/plain"
RETRY_AFTER_S: Final = 60
_NO_STORE: Final = {"cache-control": "no-store"}
_SIZE: Final = {"content-type": SIZE_TYPE}
"""As a header: a media type of texts gets a charset, and some logs compare the whole field."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_STATUS: Final = (
    (Malformed, 400),
    (UntrustedNote, 403),
    (UnknownLog, 404),
    (InvalidProof, 422),
)


@post(
    f"{PREFIX}/add-checkpoint",
    status_code=200,
    include_in_schema=False,
    request_max_body_size=MAX_REQUEST_BYTES,
)
async def add_checkpoint(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[bytes]:
    """Cosigns a checkpoint that has grown out of the one cosigned last."""
    # Read before anything is refused: an answer to an unread body ends its connection.
    data = await request.body()
    check_spelling(request, f"{PREFIX}/add-checkpoint")
    try:
        line = await services.witness.add_checkpoint(data)
    except OtherSize as error:
        return Response(encode_size(error.size), status_code=409, headers=_NO_STORE | _SIZE)
    except WitnessWaits as error:
        return _say(503, str(error), {"retry-after": str(RETRY_AFTER_S)})
    except tuple(kind for kind, _ in _STATUS) as error:
        return _say(next(status for kind, status in _STATUS if isinstance(error, kind)), str(error))
    return Response(line, media_type=TEXT_TYPE, headers=_NO_STORE)


@route(
    f"{PREFIX}/{{digest:str}}/checkpoint",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    include_in_schema=False,
)
async def latest(
    request: Request[Any, Any, Any], services: NamedDependency[Services], digest: FromPath[str]
) -> Response[bytes]:
    """Serves the newest cosigned checkpoint of a log, with our line, by the SHA-256 of its origin."""
    if not _DIGEST.fullmatch(digest):
        raise NotFoundException
    check_spelling(request, f"{PREFIX}/{digest}/checkpoint")
    try:
        note = await services.witness.latest(bytes.fromhex(digest))
    except UnknownLog as error:
        raise NotFoundException from error
    return Response(note, media_type=TEXT_TYPE, headers=_NO_STORE)


def _say(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(
        f"{sentence}\n".encode(),
        status_code=status,
        media_type=TEXT_TYPE,
        headers=_NO_STORE | (headers or {}),
    )
