"""Takes what is left of a body when the answer to it ends.

A server that hands bodies over through a queue waits for room in it, for ever where nobody takes anything any more.
"""

import asyncio

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

_SAY_A_BODY = frozenset({b"content-length", b"transfer-encoding"})


def has_body(scope: HTTPScope) -> bool:
    """Tells whether a request says that it has a body."""
    return any(name in _SAY_A_BODY and value != b"0" for name, value in scope["headers"])


class LeftoversMiddleware:
    """Goes around the whole application: it has to see the last piece of each answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or not has_body(scope):
            await self._app(scope, receive, send)
            return

        async def send_and_take(message: Message) -> None:
            if message["type"] != "http.response.body" or message.get("more_body"):
                await send(message)
                return
            taking = asyncio.create_task(_take_all(receive))
            try:
                await send(message)
            finally:
                taking.cancel()

        await self._app(scope, receive, send_and_take)


async def _take_all(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
