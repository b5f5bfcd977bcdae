"""Answers of the API, as bytes and as the OpenAPI document describes them."""

import asyncio
from typing import Any, Final
from urllib.parse import unquote

from litestar import Request, Response
from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.openapi import ResponseSpec
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from web.api.schema import as_json
from web.middleware.bodies import HeldBytes
from web.problems import PROBLEM_JSON, ProblemDocument


def json_answer(value: Any, headers: dict[str, str] | None = None) -> Response[bytes]:
    """Answers 200 with a struct of `web.api.schema`."""
    return Response(as_json(value), media_type=MediaType.JSON, headers=headers)


class PiecesResponse(ASGIResponse):
    """Answers 200 with JSON that is sent piece by piece: a long answer in one piece would hold up others.

    What is not sent yet is counted for the caller: one who reads slowly holds a bounded part of the memory.
    """

    def __init__(self, pieces: list[bytes], held: HeldBytes, key: bytes) -> None:
        """Takes the pieces over: the list is empty once they are sent."""
        self._left = sum(map(len, pieces))
        super().__init__(content_length=self._left, media_type=MediaType.JSON, status_code=200)
        self._pieces = pieces
        self._held = held
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the answer. Raises TooManyBodies, before anything is sent, where there is no room for it."""
        self._held.take_now(self._key, self._left)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._pieces.clear()
            self._held.free(self._key, self._left)

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Sends the pieces, and drops each; between two of them others have their turn."""
        self._pieces.reverse()
        while self._pieces:
            size = len(self._pieces[-1])
            await send({"type": "http.response.body", "body": self._pieces.pop(), "more_body": True})
            self._held.free(self._key, size)
            self._left -= size
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


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
