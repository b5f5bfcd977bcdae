"""Asks an application without a server between: what it says, to the byte."""

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar.types import ASGIApp

Headers = list[tuple[bytes, bytes]]


class Said(msgspec.Struct, frozen=True):
    """All that an application said, and the route that it is counted under."""

    status: int
    headers: Headers
    body: bytes
    route: object

    def of(self, name: bytes) -> bytes | None:
        return dict(self.headers).get(name)


async def ask_path(
    app: ASGIApp, path: str, query: str, method: str = "GET", headers: Sequence[tuple[bytes, bytes]] = ()
) -> Said:
    """Asks for a path, from one address."""
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope: Any = {
        "type": "http",
        "http_version": "1.1",
        "asgi": {"spec_version": "2.1", "version": "3.0"},
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": [(b"host", b"localhost"), *headers],
        "client": ("192.0.2.7", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
        "extensions": {},
    }
    await app(scope, receive, send)
    start, *bodies = messages
    body = b"".join(each["body"] for each in bodies)
    return Said(start["status"], list(start["headers"]), body, scope.get("path_template"))
