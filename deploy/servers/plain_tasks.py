"""Runs the application for plain exchanges as Hypercorn does, without a queue for a body that none of them has."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from hypercorn.config import Config
from hypercorn.typing import AppWrapper, ASGIReceiveEvent, ASGISendEvent, Scope, TaskGroup


class PlainTasks:
    """The tasks of one connection, in the place of Hypercorn's for what a stream asks of them."""

    def __init__(self, tasks: TaskGroup) -> None:
        self._tasks = tasks
        loop = asyncio.get_running_loop()
        self._in_thread = partial(loop.run_in_executor, None)
        self._call_soon = partial(_call_soon, loop)

    async def spawn_app(
        self,
        app: AppWrapper,
        config: Config,
        scope: Scope,
        send: Callable[[ASGISendEvent | None], Awaitable[None]],
    ) -> Callable[[ASGIReceiveEvent], Awaitable[None]]:
        """Starts the application. Returns what puts messages to it. Raises RuntimeError as `spawn` does."""
        messages = _Messages()
        self.spawn(self._run, app, config, scope, messages.get, send)
        return messages.put

    async def _run(
        self,
        app: AppWrapper,
        config: Config,
        scope: Scope,
        receive: Callable[[], Awaitable[ASGIReceiveEvent]],
        send: Callable[[ASGISendEvent | None], Awaitable[None]],
    ) -> None:
        try:
            await app(scope, receive, send, self._in_thread, self._call_soon)
        except Exception:  # noqa: BLE001 - as in Hypercorn: whatever it is, the answer says that it failed
            await config.log.exception("Error in ASGI Framework")
        finally:
            await send(None)

    def spawn(self, func: Callable[..., Any], *args: Any) -> None:
        """Starts any other task. Raises RuntimeError where the tasks of the connection have ended, or are told to."""
        coroutine = func(*args)
        try:
            self._tasks.spawn(lambda: coroutine)
        except RuntimeError:
            coroutine.close()  # else it is told of, whenever it is collected, as one that nobody awaited
            raise


class _Messages:
    """What an application receives: the end of the request, and later that its client has gone."""

    def __init__(self) -> None:
        self._put: deque[ASGIReceiveEvent] = deque()
        self._waited_for: asyncio.Queue[ASGIReceiveEvent] | None = None
        """Once somebody has waited for a message."""

    async def put(self, message: ASGIReceiveEvent) -> None:
        if self._waited_for is None:
            self._put.append(message)
        else:
            self._waited_for.put_nowait(message)

    async def get(self) -> ASGIReceiveEvent:
        if self._put:
            return self._put.popleft()
        if self._waited_for is None:
            self._waited_for = asyncio.Queue()
        return await self._waited_for.get()


def _call_soon(loop: asyncio.AbstractEventLoop, func: Callable[..., Any], *args: Any) -> Any:
    return asyncio.run_coroutine_threadsafe(func(*args), loop).result()
