"""Answers to lists, which are counted for the caller until they are sent, and dropped piece by piece as they are.

One who reads slowly holds a bounded part of the memory; and a long answer in one piece would hold up others.
"""

import asyncio
from typing import Any, Final

from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from web.middleware.bodies import FREE_BYTES
from web.unsent import Unsent, UnsentAnswers

PIECE_BYTES: Final = 64 * 2**10


class SentInPieces(ASGIResponse):
    """An answer that is counted from its byte `free_bytes` on."""

    def __init__(
        self, pieces: list[bytes], held: UnsentAnswers, key: bytes, *, free_bytes: int = 0, **named: Any
    ) -> None:
        """Takes the pieces over: the list is empty once they are sent."""
        self._left = sum(map(len, pieces))
        super().__init__(content_length=self._left, **named)
        self._pieces = pieces
        self._held = held
        self._key = key
        self._free_bytes = free_bytes
        self._unsent: Unsent | None = None

    @property
    def _counted(self) -> int:
        return max(0, self._left - self._free_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the answer. Raises TooManyBodies, before anything is sent, where there is no room for it. It breaks off where
        its room goes to others."""
        try:
            async with self._held.holding(self._key, self._counted) as self._unsent:
                await super().__call__(scope, receive, send)
        finally:
            self._pieces.clear()

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Sends the pieces, and drops each; between two of them others have their turn."""
        self._pieces.reverse()
        while self._pieces:
            size = len(self._pieces[-1])
            await send({"type": "http.response.body", "body": self._pieces.pop(), "more_body": True})
            self._left -= size
            if self._unsent is not None:
                self._held.shrink(self._unsent, self._counted)
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class HeldAnswer(Response[Any]):
    """An answer as it was made, and what exceeds `FREE_BYTES` of it is counted."""

    def __init__(self, made: Response[Any], held: UnsentAnswers, key: bytes) -> None:
        super().__init__(
            made.content,
            cookies=made.cookies,
            headers=made.headers,
            media_type=made.media_type,
            status_code=made.status_code,
        )
        self._held = held
        self._key = key

    def to_asgi_response(self, *args: Any, **named: Any) -> ASGIResponse:
        """Returns what sends it."""
        made = super().to_asgi_response(*args, **named)
        if len(made.body) <= FREE_BYTES:
            return made
        body = memoryview(made.body)
        pieces = [bytes(body[at : at + PIECE_BYTES]) for at in range(0, len(body), PIECE_BYTES)]
        fields = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in made.encode_headers()
            if name != b"content-length"
        ]
        return SentInPieces(
            pieces,
            self._held,
            self._key,
            free_bytes=FREE_BYTES,
            headers=fields,
            status_code=made.status_code,
        )
