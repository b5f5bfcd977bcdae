"""Takes what is left of a body when the answer to it ends.

A server that hands bodies over through a queue waits for room in it, for ever where nobody takes anything any more.
"""

import asyncio
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPReceiveMessage, HTTPScope, Message, Receive, Scope, Send

LINGER_S: Final = 5.0
"""For the rest of a body before the answer ends: a browser that is cut off while it sends shows no answer."""
_SAY_A_BODY: Final = frozenset({b"content-length", b"transfer-encoding"})


def has_body(scope: HTTPScope) -> bool:
    """Tells whether a request says that it has a body."""
    for name, value in scope["headers"]:  # noqa: SIM110 - of each request: a generator takes three times as long
        if name in _SAY_A_BODY and value != b"0":
            return True
    return False


class LeftoversMiddleware:
    """Goes around the whole application: it has to see the last piece of each answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._taking: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or not has_body(scope):
            await self._app(scope, receive, send)
            return

        body = _Watched(receive)

        async def send_and_take(message: Message) -> None:
            is_last = message["type"] == "http.response.body" and not message.get("more_body")
            if is_last and not body.is_over:
                await asyncio.wait({self._take(body)}, timeout=LINGER_S)
            await send(message)

        try:
            await self._app(scope, body, send_and_take)
        finally:
            # Whatever ended the application: the server has to be able to hand over that the client is gone.
            if not body.is_over:
                self._take(body)

    def _take(self, body: "_Watched") -> "asyncio.Task[None]":
        """Takes the rest in a task that ends with the body, or with the connection."""
        if body.taking is None:
            body.taking = asyncio.create_task(body.take_rest())
            self._taking.add(body.taking)
            body.taking.add_done_callback(self._taking.discard)
        return body.taking


class _Watched:
    """Knows whether a body has come to its end."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.is_over = False
        self.taking: asyncio.Task[None] | None = None

    async def __call__(self) -> HTTPReceiveMessage:
        message: HTTPReceiveMessage = await self._receive()  # type: ignore[assignment]  # never one of a web socket
        self.is_over = message["type"] == "http.disconnect" or not message.get("more_body")
        return message

    async def take_rest(self) -> None:
        """Takes pieces until the last."""
        while not self.is_over:
            await self()
