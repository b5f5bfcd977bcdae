"""Tells a connection when what it asked for is answered."""

import asyncio
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from deploy.edge.loop import GuardingLoop


class AnsweredMiddleware:
    """Goes around the whole application. Without it a connection that its client has ended would keep its place for as long as
    the server keeps an idle one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop: Any = asyncio.get_running_loop()
        if scope["type"] != ScopeType.HTTP or not isinstance(loop, GuardingLoop):
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            loop.note_answered(scope["client"])
