"""An application that runs for a plain exchange receives what it would of Hypercorn."""

import asyncio
import gc
from typing import Any

import pytest
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.config import Config

from deploy.servers.plain_tasks import PlainTasks

END_OF_REQUEST: Any = {"type": "http.request", "body": b"", "more_body": False}
GONE: Any = {"type": "http.disconnect"}
SCOPE: Any = {"type": "http"}
TIMEOUT_S = 30


@pytest.mark.parametrize("waits", [False, True])
async def test_messages_come_in_order_whoever_waits_first(*, waits: bool) -> None:
    received: list[object] = []
    sent: list[object] = []
    is_waiting, may_go_on = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        received.append(await receive())
        two = [asyncio.create_task(receive()) for _ in range(2)]
        is_waiting.set()
        await may_go_on.wait()
        received.extend(await asyncio.gather(*two))

    async def send(message: object) -> None:
        sent.append(message)

    async with asyncio.timeout(TIMEOUT_S), TaskGroup(asyncio.get_running_loop()) as group:
        put = await PlainTasks(group).spawn_app(ASGIWrapper(app), Config(), SCOPE, send)
        await put(END_OF_REQUEST)
        if waits:
            await is_waiting.wait()
            await asyncio.sleep(0)
        await put(GONE)
        await put(GONE)
        may_go_on.set()
    assert received == [END_OF_REQUEST, GONE, GONE]
    assert sent == [None], "its end is told once"


async def test_a_failure_is_told_and_ends_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    sent: list[object] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("bad")

    async def send(message: object) -> None:
        sent.append(message)

    async with asyncio.timeout(TIMEOUT_S), TaskGroup(asyncio.get_running_loop()) as group:
        tasks = PlainTasks(group)
        await tasks.spawn_app(ASGIWrapper(app), Config(), SCOPE, send)
        other = asyncio.Event()

        async def go_on() -> None:
            other.set()

        tasks.spawn(go_on)
        await other.wait()
    assert sent == [None]
    assert "ValueError" in capsys.readouterr().err


async def test_what_comes_after_the_end_of_the_connection_is_refused_and_leaves_nothing() -> None:
    """A task that was made and not started is told of when it is collected: in the middle of another test, or of the log."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    async def go_on(*_: object) -> None:
        raise AssertionError

    async with TaskGroup(asyncio.get_running_loop()) as group:
        tasks = PlainTasks(group)
    with pytest.raises(RuntimeError):
        tasks.spawn(go_on)
    with pytest.raises(RuntimeError):
        await tasks.spawn_app(ASGIWrapper(app), Config(), SCOPE, go_on)
    gc.collect()
