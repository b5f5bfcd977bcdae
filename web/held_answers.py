"""Pages and files of long lists, which are counted for the caller until they are sent."""

from typing import Any

from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from web.middleware.bodies import FREE_BYTES, HeldBytes


class HeldAnswer(Response[Any]):
    """An answer as it was made, but counted while it is held: one who reads slowly holds a bounded part of the memory."""

    def __init__(self, made: Response[Any], held: HeldBytes, key: bytes) -> None:
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
        return _Counted(super().to_asgi_response(*args, **named), self._held, self._key)


class _Counted(ASGIResponse):
    def __init__(self, made: ASGIResponse, held: HeldBytes, key: bytes) -> None:
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in made.encode_headers()]
        super().__init__(body=made.body, headers=fields, status_code=made.status_code)
        self._held = held
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the answer. Raises TooManyBodies, before anything is sent, where there is no room for it."""
        size = max(0, len(self.body) - FREE_BYTES)
        if not size:
            await super().__call__(scope, receive, send)
            return
        self._held.take_now(self._key, size)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._held.free(self._key, size)
