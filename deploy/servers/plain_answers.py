"""The answer of a plain exchange: it goes to the socket as the application gives it."""

from collections.abc import Awaitable, Callable
from itertools import chain
from typing import Any, Final, Protocol

import h11
from hypercorn.events import Event, RawData
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream
from hypercorn.typing import ASGISendEvent
from hypercorn.utils import UnexpectedMessageError, suppress_body

from deploy.servers.plain_heads import write_plain_answer

JOINED_BYTES: Final = 16 * 2**10
"""A body up to this size goes to the socket with its head."""


class Connection(Protocol):
    """What an answer needs of its connection."""

    transmit: Callable[[Event], Awaitable[None]]

    def hand_over(self) -> None:
        """Leaves the exchange to h11, from the request on."""

    async def finish(self) -> None:
        """Ends the exchange."""


class PlainAnswer(HTTPStream):
    """One exchange, as Hypercorn runs the application for it."""

    def __init__(self, connection: Connection, method: str, *arguments: Any) -> None:
        """`method` is the client's: the application may write another one into its scope."""
        super().__init__(*arguments)
        self._method = method
        self.is_complete = False
        self._connection = connection
        self._is_plain = True
        self._is_suppressed = False
        self._head = b""
        """Until it is sent."""
        self._left = 0
        """Bytes of the body that are still to come."""

    async def app_send(self, message: ASGISendEvent | None) -> None:
        """Takes a piece of the answer. Raises h11.LocalProtocolError where it is not what was announced."""
        said: Any = message
        if said is None or not self._is_plain:
            await super().app_send(message)
        elif said["type"] == "http.response.start" and self.state is ASGIHTTPState.REQUEST:
            await self._begin(said)
        elif said["type"] == "http.response.body" and self.state is ASGIHTTPState.RESPONSE:
            await self._go_on(said.get("body", b""))
            if not said.get("more_body", False):
                await self._end()
        else:
            raise UnexpectedMessageError(self.state, said["type"])

    async def _begin(self, said: Any) -> None:
        status, given = int(said["status"]), list(said.get("headers", ()))
        fields = chain(given, self.config.response_headers("h11"))
        head = None if said.get("trailers") else write_plain_answer(self._method, status, fields)
        if head is None:
            self.leave_to_h11()
            # Hypercorn looks for the method in the scope.
            self.scope["method"] = self._method
            said["headers"] = given  # they may be readable once
            await super().app_send(said)
        else:
            self.response = said
            self.state = ASGIHTTPState.RESPONSE
            self._head, self._left = head
            self._is_suppressed = suppress_body(self._method, status)

    def leave_to_h11(self) -> None:
        """Has the whole answer go Hypercorn's own way."""
        if self._is_plain:
            self._is_plain = False
            self._connection.hand_over()

    async def _go_on(self, body: Any) -> None:
        if not body or self._is_suppressed:
            return
        data = bytes(body)
        self._left -= len(data)
        if self._left < 0:
            raise h11.LocalProtocolError("Too much data for declared Content-Length")
        if len(data) > JOINED_BYTES:
            await self.send_head()
        else:
            data, self._head = self._head + data, b""
        await self._connection.transmit(RawData(data))

    async def _end(self) -> None:
        if self._left:
            raise h11.LocalProtocolError("Too little data for declared Content-Length")
        self.state = ASGIHTTPState.CLOSED
        self.is_complete = True
        await self._connection.finish()

    async def send_head(self) -> None:
        """Sends the head, where it is not sent yet."""
        if self._head:
            head, self._head = self._head, b""
            await self._connection.transmit(RawData(head))
