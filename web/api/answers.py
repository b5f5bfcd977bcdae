"""The answers of the API, as bytes and as the OpenAPI document tells them."""

from typing import Any, Final
from urllib.parse import unquote

from litestar import Request, Response
from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.openapi import ResponseSpec

from web.api.schema import as_json
from web.problems import PROBLEM_JSON, ProblemDocument


def json_answer(value: Any) -> Response[bytes]:
    """A 200 with a struct of `web.api.schema`."""
    return Response(as_json(value), media_type=MediaType.JSON)


def check_spelling(request: Request[Any, Any, Any], path: str) -> None:
    """That an address was asked for as it is written, not in one of the ways that routing takes for the same
    (`//`, `+1`, `01`, a slash at the end). Raises NotFoundException."""
    if unquote(request.scope["raw_path"].decode("latin-1")) != path:
        raise NotFoundException


def answers(kind: type, description: str, *, media_type: str = MediaType.JSON) -> dict[int, ResponseSpec]:
    """What an operation of the API answers: the good answer, and the problems that any of them may have."""
    return {200: ResponseSpec(kind, description=description, media_type=media_type), **_PROBLEMS}


def problem(description: str) -> ResponseSpec:
    """A problem document (RFC 9457)."""
    return ResponseSpec(ProblemDocument, description=description, media_type=PROBLEM_JSON)


_PROBLEMS: Final = {
    400: problem("What was asked cannot be understood."),
    429: problem("Too much in a minute; `Retry-After` tells when to come back."),
    503: problem("The database does not answer; nothing was lost."),
}
