"""Exchanges one request and its answer over one connection, within limits (RFC 9110, RFC 9112)."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import h11

from directory.networks.body import BoundedBody
from directory.networks.connections import Connection
from directory.networks.errors import BadAnswer, TooLarge, TooSlow, Unreachable, Unsendable
from directory.networks.limits import MAX_HEAD_BYTES, MAX_HEADERS, MAX_INTERIM_ANSWERS, Limits
from directory.networks.urls import Target

_HEAD_TOO_LARGE: Final = 431
_VERSIONS: Final = frozenset({b"1.0", b"1.1"})

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """A request: its method, target, content, and headers without those that HTTP itself needs."""

    method: str
    target: Target
    headers: Headers
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Received:
    """What was received in answer."""

    status: int
    headers: Headers
    body: bytes


class Exchange:
    """Sends one request and reads its answer.

    After a failure `has_received` tells whether anything was received; after success `is_reusable` tells
    whether the connection can serve another request.
    """

    def __init__(self, connection: Connection, request: Request, limits: Limits) -> None:
        self.has_received = False
        self.is_reusable = False
        self.connection = connection
        self._http = connection.http
        self._request = request
        self._host = request.target.host
        self._limits = limits
        self._begun_at = 0.0
        self._bytes = 0

    async def run(self) -> Received:
        """Runs the exchange. Raises Unreachable, TooSlow, TooLarge, BadAnswer, Unsendable."""
        await self._send()
        head = await self._receive_head()
        body = await self._receive_body(head)
        headers = tuple(
            (name.decode("ascii").lower(), value.decode("latin-1")) for name, value in head.headers
        )
        received = Received(head.status_code, headers, body)
        # Bytes after the answer would be taken for the answer to the next request.
        rest, closed = self._http.trailing_data
        if self._http.our_state is self._http.their_state is h11.DONE and not rest and not closed:
            self._http.start_next_cycle()
            self.is_reusable = True
        return received

    async def _send(self) -> None:
        try:
            message = b"".join(self._message())
        except h11.LocalProtocolError:
            # Its message quotes the header, which can hold a token.
            raise Unsendable(self._host, "what is to be sent does not fit into HTTP") from None
        try:
            async with asyncio.timeout(self._limits.first_byte_s):
                await self.connection.send(message)
        except TimeoutError:
            raise self._too_slow("does not take the request in time") from None
        except OSError as error:
            raise self._broken("broke off while the request was sent") from error
        self._begun_at = asyncio.get_running_loop().time()

    def _message(self) -> Iterator[bytes]:
        request = self._request
        headers = [("host", request.target.authority), *request.headers]
        if request.content is not None:
            headers.append(("content-length", str(len(request.content))))
        yield self._http.send(h11.Request(method=request.method, target=request.target.path, headers=headers))
        if request.content:
            yield self._http.send(h11.Data(request.content))
        yield self._http.send(h11.EndOfMessage())

    async def _receive_head(self) -> h11.Response:
        for _ in range(MAX_INTERIM_ANSWERS + 1):
            event = await self._next_event()
            if isinstance(event, h11.Response):
                return self._checked_head(event)
            if not isinstance(event, h11.InformationalResponse):
                raise self._bad("ended without an answer")
        raise self._bad("announced its answer too many times")

    def _checked_head(self, head: h11.Response) -> h11.Response:
        size = sum(len(name) + len(value) + 4 for name, value in head.headers)
        if len(head.headers) > MAX_HEADERS or size > MAX_HEAD_BYTES:
            raise self._too_large_head()
        if head.http_version not in _VERSIONS:
            raise self._bad("answered in a version of HTTP that was not asked for")
        return head

    async def _receive_body(self, head: h11.Response) -> bytes:
        values: dict[bytes, bytes] = dict(head.headers)
        encoding = values.get(b"content-encoding", b"").decode("latin-1")
        body = BoundedBody(self._host, encoding, self._limits.max_body_bytes)
        if self._request.method != "HEAD":
            # h11 has made sure that it is a number of at most 20 digits.
            body.announce(int(values.get(b"content-length", b"0")))
        while isinstance(event := await self._next_event(), h11.Data):
            body.add(event.data)
        if not isinstance(event, h11.EndOfMessage):
            raise self._bad("the answer breaks off")
        return body.whole()

    async def _next_event(self) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                # Its message quotes what was received, which can hold a token too.
                if error.error_status_hint == _HEAD_TOO_LARGE:
                    raise self._too_large_head() from None
                raise self._bad("what came is not whole, or not HTTP") from None
            if event is not h11.NEED_DATA:
                return event
            self._http.receive_data(await self._receive())

    async def _receive(self) -> bytes:
        try:
            async with asyncio.timeout_at(self._patience_ends_at()):
                data = await self.connection.receive()
        except TimeoutError:
            why = "the answer comes too slowly" if self.has_received else "the answer does not begin in time"
            raise self._too_slow(why) from None
        except OSError as error:
            raise self._broken("broke off") from error
        if not self.has_received:
            if not data:
                raise self._broken("closed without an answer")
            self.has_received = True
            self._begun_at = asyncio.get_running_loop().time()
        self._bytes += len(data)
        return data

    def _patience_ends_at(self) -> float:
        """Returns the time, on the loop's clock, by which the next bytes must have come."""
        if not self.has_received:
            return self._begun_at + self._limits.first_byte_s
        earned = self._bytes / self._limits.min_bytes_per_s
        return self._begun_at + self._limits.slow_start_s + earned

    def _bad(self, why: str) -> BadAnswer:
        return BadAnswer(self._host, why, may_have_arrived=True)

    def _too_large_head(self) -> TooLarge:
        return TooLarge(self._host, "answered with too many or too large headers", may_have_arrived=True)

    def _too_slow(self, why: str) -> TooSlow:
        return TooSlow(self._host, why, may_have_arrived=True)

    def _broken(self, why: str) -> Unreachable:
        return Unreachable(self._host, why, may_have_arrived=True)
