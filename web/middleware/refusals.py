"""Answers what is refused outside of any route as routes are answered: with a problem document, or a page."""

from collections.abc import Callable
from typing import Any

from litestar import Litestar, Request, Response
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

Handle = Callable[[Request[Any, Any, Any], Exception], Response[Any]]


class Refusals:
    """Answers errors outside of any route. `handle` is the handler of the routes' errors."""

    def __init__(self, litestar: Litestar, handle: Handle) -> None:
        self._litestar = litestar
        self._handle = handle

    async def answer(self, error: Exception, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answers an error, as a route would. Nothing of an answer was sent yet."""
        scope["litestar_app"] = self._litestar
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        answer = self._handle(request, error).to_asgi_response(None, request)

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        await answer(scope, receive, send_head if scope["method"] == "HEAD" else send)


class RefusalMiddleware:
    """Turns the refusals of the middleware inside of it into answers."""

    def __init__(self, app: ASGIApp, refusals: Refusals) -> None:
        self._app = app
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def send_on(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except HTTPException as error:
            if has_begun:
                raise
            await self._refusals.answer(error, scope, receive, send)
