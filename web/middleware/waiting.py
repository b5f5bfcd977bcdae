"""Counts who waits for an answer, so that long work in the same process gives way to them (`directory/courtesy.py`)."""

from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from directory.courtesy import somebody_waits

_READS: Final = {"GET", "HEAD"}
_OF_INSTANCES: Final = ("/federation/", "/log/", "/metrics")
"""Asked by programs that read much, and wait for each other."""


class WaitingMiddleware:
    """Counts whoever asks for a page or a look-up, until its answer begins: a stream of news may be open for days."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or not _is_counted(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        with somebody_waits() as waiting:

            async def send_and_end(message: Message) -> None:
                await send(message)
                waiting.leave()

            await self._app(scope, receive, send_and_end)


def _is_counted(method: str, path: str) -> bool:
    return method in _READS and not path.startswith(_OF_INSTANCES)
