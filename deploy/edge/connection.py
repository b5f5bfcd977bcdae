"""One connection: passes on whole, well-formed requests, and ends what holds a place without asking or reading."""

import asyncio
from collections.abc import Callable
from typing import Final, cast

from deploy.edge.gathering import GatheringTransport
from deploy.edge.heads import Head, Refused, check_begun, read_head
from deploy.edge.places import Places, network_of, peer_of, site_of

HEAD_S: Final = 15.0
"""From the first byte of a head, or from the connection on, to its last."""
UNREAD_S: Final = 60.0
READ_BYTES: Final = 64 * 2**10
"""In each such time as much of an answer has to be read, or all that is left of it."""
YIELDS_AFTER_S: Final = 5.0
"""A connection that was asked may be ended for another caller's: lookups are answered by then. An idle one may at once."""
ENDS_AFTER_S: Final = 1.0
"""After the answer that a client waited for which had ended its own side: what the server still says is little."""
REFUSED_PATH: Final = "/refused/"
_BUSY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 10\r\nConnection: close\r\n\r\n"
)
_TO_THE_END: Final = -1

LOOKED_AT_BYTES: Final = 16 * 2**10
"""Of what came at once, so much is taken at a time: the rest of it is copied after each head."""

ServerProtocol = Callable[[], asyncio.Protocol]


class GuardedConnection(asyncio.Protocol):
    """Stands between the transport and the server's protocol, which is not made before there is a request for it."""

    def __init__(self, make_server: ServerProtocol, places: Places, clock: Callable[[], float]) -> None:
        self.network = self.site = ""
        self.peer: tuple[str, int] | None = None
        self.last_active = self.busy_since = clock()
        self._make_server = make_server
        self._places = places
        self._clock = clock
        self._server: asyncio.Protocol | None = None
        self._gathering: GatheringTransport | None = None
        self._transport: asyncio.Transport
        self._begun = bytearray()
        self._head_since = self.last_active
        self._read_since = self.last_active
        self._unread = 0
        self._body_left = 0
        self._asked = 0
        self._came = 0
        self._is_over = False
        self._has_ended = False

    @property
    def is_between_requests(self) -> bool:
        """Whether no body is under way. An answer may be."""
        return self._body_left == 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way at all: neither a request nor an answer, nor what is left of one to send."""
        if self._asked > 0 or self._body_left or self._begun:
            return False
        return self._gathering is None or self._gathering.get_write_buffer_size() == 0

    @property
    def is_sending(self) -> bool:
        """Whether a head or a body is under way."""
        return bool(self._begun) or self._body_left != 0

    @property
    def pace(self) -> float:
        """Returns how many bytes have come in a second since it was last idle."""
        return self._came / max(self._clock() - self.busy_since, 1.0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes a place, or answers that there is none."""
        self._transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        self.network, self.site, self.peer = network_of(name), site_of(name), peer_of(name)
        if self._finds_place():
            self._places.take(self)
        else:
            self._is_over = True
            self._transport.write(_BUSY)
            self._transport.close()

    def _finds_place(self) -> bool:
        if not self._places.has_room_for(self.network):
            return False
        if not self._places.is_full():
            return True
        given = self._places.find_to_end(self.network, self.site, self._clock() - YIELDS_AFTER_S)
        if given is not None:
            cast("GuardedConnection", given).end()
        return given is not None

    def end(self) -> None:
        """Ends the connection at once, and gives its place back."""
        self._is_over = True
        self._places.leave(self)
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Passes on what belongs to the body under way, and whole heads."""
        self.last_active = self._clock()
        if not (self._asked or self._body_left or self._begun):
            self.busy_since, self._came = self.last_active, 0
        self._came += len(data)
        for begin in range(0, len(data), LOOKED_AT_BYTES):
            piece = data[begin : begin + LOOKED_AT_BYTES] if len(data) > LOOKED_AT_BYTES else data
            while piece and not self._is_over:
                piece = self._pass_body(piece) if self._body_left else self._collect_head(piece)

    def _pass_body(self, data: bytes) -> bytes:
        if self._body_left == _TO_THE_END:
            self._pass(data)
            return b""
        piece, rest = data[: self._body_left], data[self._body_left :]
        self._body_left -= len(piece)
        self._pass(piece)
        return rest

    def _collect_head(self, data: bytes) -> bytes:
        """Adds to the head. Returns what came after it."""
        was_since = self._head_since
        if not self._begun:
            self._head_since = self.last_active
        searched_from = max(0, len(self._begun) - 3)
        self._begun += data
        if not searched_from and self._begun.startswith(b"\r\n"):
            del self._begun[:2]  # RFC 9112, section 2.2: some clients end a body so
            if not self._begun:
                self._head_since = was_since  # it begins no head
        end = self._begun.find(b"\r\n\r\n", searched_from)
        try:
            if end < 0:
                if self._begun and self._begun != b"\r":
                    check_begun(self._begun)
                return b""
            head = read_head(bytes(self._begun[: end + 4]))
        except Refused as refused:
            self._refuse(refused)
            return b""
        rest = bytes(self._begun[end + 4 :])
        self._begun.clear()
        self._ask(head)
        return rest

    def _ask(self, head: Head) -> None:
        self._asked += 1
        self._body_left = _TO_THE_END if head.body_bytes is None else head.body_bytes
        self._pass(head.passed_on)

    def _refuse(self, refused: Refused) -> None:
        """Has the application answer, so that it comes after the answers under way, is counted, and looks like others."""
        self._begun.clear()
        self._asked += 1
        target = f"{REFUSED_PATH}{refused.status}/{refused.reason}"
        self._pass(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        self._is_over = True

    def _pass(self, data: bytes) -> None:
        if self._server is None:
            self._server = self._make_server()
            loop = asyncio.get_running_loop()
            self._gathering = GatheringTransport(self._transport, loop)
            self._server.connection_made(self._gathering)
        self._server.data_received(data)

    def eof_received(self) -> bool | None:
        """Keeps the connection where an answer is under way, whatever the server does. Else it is over: nobody asks any more."""
        self._has_ended = True
        if self._server is None or self._gathering is None:
            return False
        self._gathering.send_gathered()  # the last answer may be among it, and the connection end now
        self._server.eof_received()
        return self._asked > 0

    def note_answered(self) -> None:
        """Counts an answer. The last one ends the connection of a client that has ended its own side."""
        self._asked -= 1
        if self._has_ended and self._asked <= 0:
            asyncio.get_running_loop().call_later(ENDS_AFTER_S, self._transport.close)

    def connection_lost(self, error: Exception | None) -> None:
        """Gives the place back."""
        self._is_over = True
        self._places.leave(self)
        if self._server is not None:
            self._server.connection_lost(error)

    def pause_writing(self) -> None:
        """Tells the server that nobody reads."""
        if self._server is not None:
            self._server.pause_writing()

    def resume_writing(self) -> None:
        """Tells the server that somebody reads again."""
        self._has_read(self._clock())
        if self._server is not None:
            self._server.resume_writing()

    def check_time(self, now: float) -> None:
        """Ends what takes too long: a head, and an answer that is not read."""
        self._look_at_unread(now)
        if now - self._read_since > UNREAD_S:
            self.end()
            return
        if self._is_over or self._body_left or now - self._head_since <= HEAD_S:
            return
        if self._begun:
            self._refuse(Refused(408, "head-too-slow"))
        elif self._server is None:
            self.end()

    def _look_at_unread(self, now: float) -> None:
        left = self._transport.get_write_buffer_size()
        if not left or left <= self._unread - READ_BYTES:
            self._has_read(now)
        else:
            self._unread = max(self._unread, left)

    def _has_read(self, now: float) -> None:
        self._read_since = now
        self._unread = self._transport.get_write_buffer_size()

    def end_if_silent(self) -> None:
        """Ends a connection on which nothing was asked yet."""
        if self._server is None:
            self.end()
