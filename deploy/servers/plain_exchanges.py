"""Hypercorn's HTTP/1.1, which takes plain exchanges without the state machine of h11: three fifths of its work on a small answer.

An exchange is plain where the request has no body and asks nothing of the connection, and where the application says how
long its answer is. All others are h11's: where an answer is not plain, h11 is given the request before it.
"""

import asyncio
from contextlib import suppress
from typing import Any, Final

import h11
import hypercorn.protocol
from hypercorn.asyncio.worker_context import EventWrapper
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import EndBody, Request, StreamClosed
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol

from deploy.servers.plain_answers import PlainAnswer
from deploy.servers.plain_heads import PlainRequest, read_plain_request
from deploy.servers.plain_tasks import PlainTasks

IDLE_AFTER_S: Final = 0.25
"""To twice as long. Hypercorn watches an idle connection with tasks of its own: none are made between requests that follow
each other. At the end of the server, a connection that was just used ends so much later."""
_END_OF_REQUEST: Final = EndBody(stream_id=STREAM_ID)


class _IsOver(Exception):
    """The answer that a reader waited for is the last one of its connection."""


class _AnswerSent(EventWrapper):
    """What a reader waits for that has read more than one request. Hypercorn's would be waited for for ever where the
    application fails in the middle of an answer, or its client has gone."""

    def __init__(self) -> None:
        super().__init__()
        self.is_over = False

    async def wait(self) -> None:
        """Waits. Raises _IsOver."""
        if not self.is_over:
            await super().wait()
        if self.is_over:
            raise _IsOver


class PlainExchanges(H11Protocol):
    """One connection."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.transmit = self.send
        self.send = self._send_of_h11
        self.can_read: _AnswerSent = _AnswerSent()
        self._tasks = PlainTasks(self.task_group)
        self._exchange: PlainAnswer | None = None
        self._raw = b""
        """The head of its request, as it came."""
        self._is_with_h11 = False
        """What was read last went to h11, which may have some of it still."""
        self._is_watched = True
        self._timer: asyncio.TimerHandle | None = None
        self._asked_before = 0

    async def handle(self, event: Event) -> None:
        """Takes what was read, or that the connection has ended."""
        try:
            if isinstance(event, RawData):
                await self._take(event)
            else:
                await self._end(event)
        except _IsOver:
            return
        except BaseException:  # cancelled, too: whatever it was, nothing more is read, and no timer is left
            self._be_over()
            raise

    async def _send_of_h11(self, event: Event) -> None:
        if isinstance(event, Closed):
            self._be_over()
        elif isinstance(event, Updated) and event.idle and self.can_read.is_over:
            # h11 has not heard that nobody asks any more: the task that watches an idle connection would outlive this one.
            event = Closed()
        await self.transmit(event)

    def _be_over(self) -> None:
        """Has nothing more read: the answer under way is the last."""
        self.can_read.is_over = True
        self._stop_timer()

    async def _end(self, event: Event) -> None:
        self._be_over()
        await super().handle(event)
        await self.can_read.set()
        # Else the task that watches an idle connection lives on for as long as one may be idle.
        await self.transmit(Updated(idle=False))

    async def _take(self, event: RawData) -> None:
        if self.can_read.is_over:
            return
        if self._exchange is not None:
            if not event.data:
                self._be_over()
                return
            # As h11 does: nothing more is read before the answer is sent.
            await self.can_read.clear()
            await self.can_read.wait()
        request = read_plain_request(event.data) if self._is_fresh() else None
        if request is not None:
            await self._ask(request, event.data)
            return
        if not self._is_watched and event.data:
            await self.transmit(Updated(idle=True))  # until there is a whole head
        self._be_with_h11()
        await super().handle(event)

    def _be_with_h11(self) -> None:
        """Hypercorn watches the connection by itself from here on."""
        self._stop_timer()
        self._is_watched = self._is_with_h11 = True

    def _is_fresh(self) -> bool:
        """Whether h11 has nothing under way, and would keep the connection after one more answer."""
        if self._is_with_h11:
            self._is_with_h11 = (
                self.connection.our_state is not h11.IDLE
                or self.connection.their_state is not h11.IDLE
                or self.connection.trailing_data != (b"", False)
            )
        return not self._is_with_h11 and self.keep_alive_requests + 1 < self.config.keep_alive_max_requests

    async def _ask(self, request: PlainRequest, raw: bytes) -> None:
        if self._is_watched:
            self._is_watched = False
            await self.transmit(Updated(idle=False))
        stream = PlainAnswer(
            self,
            request.method,
            self.app,
            self.config,
            self.context,
            self._tasks,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        self._exchange = self.stream = stream
        self._raw = raw
        asked = Request(
            stream_id=STREAM_ID,
            headers=request.fields,
            http_version="1.1",
            method=request.method,
            raw_path=request.target,
            state=self.connection_state,
        )
        await stream.handle(asked)
        self.keep_alive_requests += 1
        await self.context.mark_request()
        await stream.handle(_END_OF_REQUEST)

    async def stream_send(self, event: StreamEvent) -> None:
        """Takes what Hypercorn says of an answer: of a plain one, that it broke off, or an error in its place."""
        exchange = self._exchange
        if exchange is None:
            await super().stream_send(event)
        elif isinstance(event, StreamClosed):
            await self.finish()
        else:
            exchange.leave_to_h11()
            await super().stream_send(event)

    def hand_over(self) -> None:
        """Has h11 read the request, so that it can send the answer."""
        self._exchange = None
        self._be_with_h11()
        self.connection.receive_data(self._raw)
        self.connection.next_event()
        self.connection.next_event()
        if self.can_read.is_over:
            self.connection.receive_data(b"")
            self.connection.next_event()

    async def finish(self) -> None:
        """Ends the exchange, and the connection where it broke off or nothing more is read."""
        exchange = self._exchange
        if exchange is None:
            return
        await exchange.send_head()
        await self._close_stream()
        self._exchange = None  # not before: what is read meanwhile waits
        if exchange.is_complete and not self.can_read.is_over and not self.context.terminated.is_set():
            await self.can_read.set()
            self._watch_later()
        else:
            self._be_over()
            await self.can_read.set()
            await self.transmit(Closed())

    def _watch_later(self) -> None:
        if self._timer is None:
            self._asked_before = self.keep_alive_requests
            self._timer = asyncio.get_running_loop().call_later(IDLE_AFTER_S, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._exchange is not None or self.can_read.is_over:
            return
        if self.keep_alive_requests == self._asked_before:
            # A connection that is cancelled while it reads tells nobody here, and its timer may be due before its end.
            with suppress(RuntimeError):
                self._tasks.spawn(self._be_watched)
        else:
            self._watch_later()

    async def _be_watched(self) -> None:
        if self._exchange is None and not self.can_read.is_over:
            self._is_watched = True
            await self.transmit(Updated(idle=True))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def take_plain_exchanges() -> None:
    """Has Hypercorn speak HTTP/1.1 so, in this process. It makes each connection of a class that it names, and takes no other."""
    named: Any = hypercorn.protocol
    named.H11Protocol = PlainExchanges
