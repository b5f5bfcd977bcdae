"""Ends work whose caller has gone away: nobody would read what comes of it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from litestar import Request
from litestar.exceptions import HTTPException

T = TypeVar("T")


class CallerGone(HTTPException):
    """Whoever asked has ended the connection."""

    status_code = 400


async def until_gone(request: Request[Any, Any, Any], work: Coroutine[Any, Any, T]) -> T:
    """Returns what comes of the work. Raises CallerGone, and ends the work, where the connection ends before. The body of the
    request has been read."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise CallerGone(detail="the connection has ended")
        return working.result()
    finally:
        await _end(working, leaving)


async def _gone(request: Request[Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _end(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
