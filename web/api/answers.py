"""Answers of the API, as bytes and as the OpenAPI document describes them."""

from typing import Any, Final
from urllib.parse import unquote

from litestar import Request, Response
from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.openapi import ResponseSpec

from web.api.schema import as_json
from web.held_answers import SentInPieces
from web.problems import PROBLEM_JSON, ProblemDocument
from web.unsent import UnsentAnswers


def json_answer(value: Any, headers: dict[str, str] | None = None) -> Response[bytes]:
    """Answers 200 with a struct of `web.api.schema`."""
    return Response(as_json(value), media_type=MediaType.JSON, headers=headers)


class PiecesResponse(SentInPieces):
    """Answers 200 with JSON that is sent piece by piece."""

    def __init__(self, pieces: list[bytes], held: UnsentAnswers, key: bytes) -> None:
        super().__init__(pieces, held, key, media_type=MediaType.JSON, status_code=200)


def check_spelling(request: Request[Any, Any, Any], path: str) -> None:
    """Raises NotFoundException where the address is not spelled as `path`.

    Routing takes other spellings for the same address: `//`, `+1`, `01`, a slash at the end.
    """
    if unquote(request.scope["raw_path"].decode("latin-1")) != path:
        raise NotFoundException


def answers(kind: type, description: str, *, media_type: str = MediaType.JSON) -> dict[int, ResponseSpec]:
    """Returns the answers of an operation for OpenAPI: the good one, and the problems that any operation may
    answer with."""
    return {200: ResponseSpec(kind, description=description, media_type=media_type), **_PROBLEMS}


def problem(description: str) -> ResponseSpec:
    """Returns the OpenAPI answer for a problem document (RFC 9457)."""
    return ResponseSpec(ProblemDocument, description=description, media_type=PROBLEM_JSON)


_PROBLEMS: Final = {
    400: problem("What was asked cannot be understood."),
    429: problem("Too much in a minute; `Retry-After` tells when to come back."),
    503: problem("The database does not answer; nothing was lost."),
}
