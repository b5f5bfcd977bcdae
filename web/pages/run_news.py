"""The news of a run while its page is open, as server-sent events: the same parts of the page, rendered again.

A browser comes back by itself when a stream ends, so that streams may be short. Nothing is sent that has not changed. Where
a run is over its stream ends, and a browser that has the last news is told to come back no more: pages that stay open hold
no place.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.exceptions import TooManyRequestsException
from litestar.params import FromPath
from litestar.response import ServerSentEvent, ServerSentEventMessage

from directory.errors import DirectoryUnavailable
from directory.follows.errors import UnknownRun
from web.auth.errors import SignInNeeded
from web.auth.member_context import NO_STORE
from web.auth.signed_in import Here
from web.pages.run_view import RunView
from web.pages.runs import RUNS_PATH, After, find_run, run_values

LOOK_S: Final = 2.0
"""Between two looks at a run."""
STREAM_S: Final = 300.0
"""How long one stream lasts."""
RETRY_MS: Final = 5_000
LAST: Final = "last"
"""The id of the news of a run that is over: a browser that comes back names it."""
MAX_STREAMS: Final = 200
"""Shared out among the web processes."""
MAX_STREAMS_OF_MEMBER: Final = 4
"""In each of them."""

PARTS: Final = ("progress", "acts", "people")


class Streams:
    """Counts the streams that are open in this process, `most` at a time."""

    def __init__(self, most: int = MAX_STREAMS) -> None:
        self._most = most
        self._open: Counter[UUID] = Counter()

    @contextmanager
    def place(self, member: UUID) -> Iterator[None]:
        """Holds a place. Raises TooManyRequestsException where all are taken."""
        self.check(member)
        self._open[member] += 1
        try:
            yield
        finally:
            self._open[member] -= 1
            self._open += Counter()  # forgets those without a stream

    def check(self, member: UUID) -> None:
        """Raises TooManyRequestsException where all places are taken."""
        if self._open[member] >= MAX_STREAMS_OF_MEMBER or self._open.total() >= self._most:
            raise TooManyRequestsException(headers={"retry-after": "30"})


@get(f"{RUNS_PATH}/{{run_id:uuid}}/news", include_in_schema=False)
async def run_news(
    here: NamedDependency[Here],
    streams: NamedDependency[Streams],
    run_id: FromPath[UUID],
    after: After = -1,
) -> Response[Any]:
    """Streams the news of one run of the member; any other is not found."""
    view = await find_run(here, run_id)
    if not view.run.state.is_open and here.request.headers.get("last-event-id") == LAST:
        return Response(None, status_code=204, headers=dict(NO_STORE))
    streams.check(here.me.member)
    headers = {**NO_STORE, "x-accel-buffering": "no"}
    return ServerSentEvent(_news(here, streams, run_id, after), headers=headers)


async def _news(
    here: Here, streams: Streams, run_id: UUID, after: int
) -> AsyncIterator[ServerSentEventMessage]:
    sent: dict[str, str] = {}
    with streams.place(here.me.member):
        for _ in range(int(STREAM_S / LOOK_S)):
            try:
                view, parts = await _parts(here, run_id, after)
            except (SignInNeeded, UnknownRun, DirectoryUnavailable):
                return
            last = None if view.run.state.is_open else LAST
            for name, html in parts.items():
                if sent.get(name) != html:
                    yield ServerSentEventMessage(html, event=name, id=last, retry=RETRY_MS)
            if last is not None:
                return
            sent = parts
            await asyncio.sleep(LOOK_S)


async def _parts(here: Here, run_id: UUID, after: int) -> tuple[RunView, dict[str, str]]:
    """Renders the parts of the page. Who asks is looked up each time: whoever has signed out is told nothing more.

    Raises SignInNeeded, UnknownRun.
    """
    if (await here.context.me(here.request)).session != here.me.session:
        raise SignInNeeded(here.request.url.path)
    view = await find_run(here, run_id)
    values = await run_values(here, view, after)
    return view, {name: here.page(f"_run_{name}.html", **values).content for name in PARTS}
