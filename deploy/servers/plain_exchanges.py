"""Hypercorn's HTTP/1.1, which takes plain exchanges without the state machine of h11: half of its work on a small answer.

An exchange is plain where the request has no body and asks nothing of the connection, and where the application says how
long its answer is. All others are h11's: where an answer is not plain, h11 is given the request before it.
"""

import asyncio
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import h11
import hypercorn.protocol
from hypercorn.asyncio.worker_context import EventWrapper
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Body, EndBody, Request, Response, StreamClosed
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol
from hypercorn.protocol.http_stream import HTTPStream

from deploy.servers.plain_heads import PlainRequest, read_plain_request, write_plain_answer

IDLE_AFTER_S: Final = 0.25
"""To twice as long. Hypercorn watches an idle connection with tasks of its own: none are made between requests that follow
each other. At the end of the server, a connection that was just used ends so much later."""
JOINED_BYTES: Final = 16 * 2**10
"""A body up to this size goes to the socket with its head."""


@dataclass(slots=True)
class _Exchange:
    method: str
    raw: bytes
    """The head of the request as it came."""
    head: bytes = b""
    """Of the answer, until it is sent."""
    left: int = 0
    """Bytes of the body that are still to come."""
    is_complete: bool = False


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
        await super().wait()
        if self.is_over:
            raise _IsOver


class PlainExchanges(H11Protocol):
    """One connection."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._transmit = self.send
        self.send = self._send_of_h11
        self.can_read: _AnswerSent = _AnswerSent()
        self._exchange: _Exchange | None = None
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
        except BaseException:
            self._be_over()
            raise

    async def _send_of_h11(self, event: Event) -> None:
        if isinstance(event, Closed):
            self._be_over()
        await self._transmit(event)

    def _be_over(self) -> None:
        """Has nothing more read: the answer under way is the last."""
        self.can_read.is_over = True
        self._stop_timer()

    async def _end(self, event: Event) -> None:
        self._be_over()
        await super().handle(event)
        await self.can_read.set()

    async def _take(self, event: RawData) -> None:
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
        self._stop_timer()
        self._is_watched = self._is_with_h11 = True
        await super().handle(event)

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
            await self._transmit(Updated(idle=False))
        self._exchange = _Exchange(request.method, raw)
        self.stream = HTTPStream(
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        stream = self.stream
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
        await stream.handle(EndBody(stream_id=STREAM_ID))

    async def stream_send(self, event: StreamEvent) -> None:
        """Takes a piece of the answer. Raises h11.LocalProtocolError where it is not what was announced."""
        exchange = self._exchange
        if exchange is None:
            await super().stream_send(event)
        elif isinstance(event, Response):
            await self._begin_answer(exchange, event)
        elif isinstance(event, Body):
            await self._send_body(exchange, event.data)
        elif isinstance(event, EndBody):
            if exchange.left:
                raise h11.LocalProtocolError("Too little data for declared Content-Length")
            exchange.is_complete = True
            await self._send_head(exchange)
        elif isinstance(event, StreamClosed):
            await self._finish(exchange)

    async def _begin_answer(self, exchange: _Exchange, event: Response) -> None:
        fields = chain(event.headers, self.config.response_headers("h11"))
        answer = write_plain_answer(exchange.method, event.status_code, fields)
        if answer is None:
            self._hand_over(exchange)
            await super().stream_send(event)
        else:
            exchange.head, exchange.left = answer

    def _hand_over(self, exchange: _Exchange) -> None:
        """Has h11 read the request, so that it can send the answer."""
        self._exchange = None
        self._is_with_h11 = True
        self.connection.receive_data(exchange.raw)
        self.connection.next_event()
        self.connection.next_event()
        if self.can_read.is_over:
            self.connection.receive_data(b"")
            self.connection.next_event()

    async def _send_body(self, exchange: _Exchange, data: bytes) -> None:
        exchange.left -= len(data)
        if exchange.left < 0:
            raise h11.LocalProtocolError("Too much data for declared Content-Length")
        if len(data) > JOINED_BYTES:
            await self._send_head(exchange)
        else:
            data, exchange.head = exchange.head + data, b""
        await self._transmit(RawData(data=data))

    async def _send_head(self, exchange: _Exchange) -> None:
        if exchange.head:
            head, exchange.head = exchange.head, b""
            await self._transmit(RawData(data=head))

    async def _finish(self, exchange: _Exchange) -> None:
        await self._send_head(exchange)
        self._exchange = None
        await self._close_stream()
        if exchange.is_complete and not self.can_read.is_over and not self.context.terminated.is_set():
            await self.can_read.set()
            self._watch_later()
        else:
            self._be_over()
            await self.can_read.set()
            await self._transmit(Closed())

    def _watch_later(self) -> None:
        if self._timer is None:
            self._asked_before = self.keep_alive_requests
            self._timer = asyncio.get_running_loop().call_later(IDLE_AFTER_S, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._exchange is not None or self.can_read.is_over:
            return
        if self.keep_alive_requests == self._asked_before:
            self.task_group.spawn(self._be_watched)
        else:
            self._watch_later()

    async def _be_watched(self) -> None:
        if self._exchange is None and not self.can_read.is_over:
            self._is_watched = True
            await self._transmit(Updated(idle=True))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def take_plain_exchanges() -> None:
    """Has Hypercorn speak HTTP/1.1 so, in this process. It makes each connection of a class that it names, and takes no other."""
    named: Any = hypercorn.protocol
    named.H11Protocol = PlainExchanges
