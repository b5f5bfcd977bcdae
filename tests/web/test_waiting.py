"""Who waits for an answer is counted until that begins, whatever comes of it."""

from typing import Any

import pytest
from litestar.types import Message, Receive, Scope, Send

from directory import courtesy
from web.middleware.waiting import WaitingMiddleware


class Handler:
    """Answers, and notes how many wait at each point."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.seen: list[int] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(courtesy.count_waiting())
        if self.fails:
            raise ZeroDivisionError
        await send({"type": "http.response.start", "status": 200, "headers": []})
        self.seen.append(courtesy.count_waiting())
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def ask(handler: Handler, method: str, path: str) -> None:
    async def receive() -> Any:
        raise AssertionError

    async def send(message: Message) -> None:
        assert message["type"].startswith("http.response")

    scope: Any = {"type": "http", "method": method, "path": path}
    await WaitingMiddleware(handler)(scope, receive, send)


async def test_pages_and_lookups_are_counted_until_the_answer_begins() -> None:
    """A stream of news stays open for days: it waits for nothing."""
    handler = Handler()
    await ask(handler, "GET", "/x/ada")
    assert handler.seen == [1, 0]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/v1/match"), ("GET", "/federation/v1/statements/0"), ("GET", "/log/checkpoint")],
)
async def test_long_work_and_programs_are_not(method: str, path: str) -> None:
    handler = Handler()
    await ask(handler, method, path)
    assert handler.seen == [0, 0]


async def test_a_fault_leaves_nobody_counted() -> None:
    with pytest.raises(ZeroDivisionError):
        await ask(Handler(fails=True), "GET", "/x/ada")
    assert courtesy.count_waiting() == 0
