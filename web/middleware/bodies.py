"""Bounds what bodies hold, over the process and for each caller, and how long one may take."""

import asyncio
import time
from collections import Counter
from contextlib import suppress
from typing import Final

from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, HTTPReceiveMessage, Receive, Scope, Send

from web.middleware.leftovers import has_body
from web.middleware.rate_limit import ClientKeys

FREE_BYTES: Final = 64 * 2**10
"""Of each body, which are not counted: a sign-in waits for no archive. What they hold is bounded by the connections."""
HELD_BYTES: Final = 256 * 2**20
"""Of all bodies, shared out among the web processes; half of it for one caller (IPv6: a /48, which one customer may have). A process holds three forms of the largest size
where that is more, or two where there are several processes."""
ROOM_WAIT_S: Final = 10.0
LOOK_EVERY_S: Final = 0.5
"""While somebody waits for room: for a body that stands still by now."""
STEP_BYTES: Final = 256 * 2**10
STANDS_STILL_S: Final = 5.0
"""A body that takes longer for a step gives its room to whoever holds less: 50 KB/s, where all room is taken."""
SLOW_AFTER_S: Final = 30.0
MIN_BYTES_PER_S: Final = 4 * 2**10
"""After the first half minute: less than any connection on which an archive would be sent."""
BODY_S: Final = 900.0
"""For a whole body, however fast."""


class BodyTooSlow(HTTPException):
    """The body came too slowly, or took too long."""

    status_code = 408


class TooManyBodies(HTTPException):
    """All that bodies may hold is held, by others or by the same caller."""

    status_code = 503


class HeldBytes:
    """Counts the bytes of bodies that are held for each caller."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._of: Counter[bytes] = Counter()
        self._reading: set[_Body] = set()
        self._freed = asyncio.Event()

    async def take(self, key: bytes, size: int) -> None:
        """Counts more bytes, after waiting for room, which a body of whoever holds more may have to give. Raises TooManyBodies."""
        try:
            async with asyncio.timeout(ROOM_WAIT_S):
                while not self._has_room(key, size):
                    self._make_room(key, size)
                    self._freed.clear()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_EVERY_S):
                            await self._freed.wait()
        except TimeoutError:
            raise TooManyBodies from None
        self._of[key] += size

    def begin(self, body: "_Body") -> None:
        """Knows a body that is counted and still comes."""
        self._reading.add(body)

    def end(self, body: "_Body") -> None:
        """Knows it no more."""
        self._reading.discard(body)

    def _make_room(self, key: bytes, size: int) -> None:
        """Breaks off the body that has stood still for longest, of whoever holds more than this caller would."""
        mine = self._of[key] + size
        if mine > self._total // 2:
            return
        still = [each for each in self._reading if each.stands_still and self._of[each.key] > mine]
        if still:
            min(still, key=lambda each: each.stepped_at).break_off()

    def free(self, key: bytes, size: int) -> None:
        """Counts bytes no more."""
        self._of[key] -= size
        if not self._of[key]:
            del self._of[key]
        self._freed.set()

    def _has_room(self, key: bytes, size: int) -> bool:
        return self._of[key] + size <= self._total // 2 and self._of.total() + size <= self._total


class BodiesMiddleware:
    """Watches each body as it is read. Those that the application does not read are the server's to bound."""

    def __init__(self, app: ASGIApp, keys: ClientKeys, largest_form_bytes: int, processes: int = 1) -> None:
        self._app = app
        forms = 3 if processes == 1 else 2
        self._held = HeldBytes(max(HELD_BYTES // processes, forms * largest_form_bytes))
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or not has_body(scope):
            await self._app(scope, receive, send)
            return
        body = _Body(receive, self._held, self._keys.caller_of(scope).network)
        try:
            await self._app(scope, body, send)
        finally:
            body.free()


class _Body:
    """Reads one body in the place of `receive`."""

    def __init__(self, receive: Receive, held: HeldBytes, key: bytes) -> None:
        self._receive = receive
        self._held = held
        self.key = key
        self._began = self.stepped_at = time.monotonic()
        self._received = 0
        self._counted = 0
        self._stepped = 0
        self._is_whole = False
        self._waits: asyncio.Timeout | None = None
        """For the next piece."""
        self._is_broken_off = False

    async def __call__(self) -> HTTPReceiveMessage:
        """Reads a piece. Raises BodyTooSlow, TooManyBodies."""
        if self._is_whole:
            return await self._next()
        message = await self._next_in_time()
        if message["type"] == "http.request":
            self._received += len(message["body"])
            self._is_whole = not message.get("more_body", False)
            await self._count()
            self._step()
        if self._is_whole:
            self._held.end(self)
        return message

    async def _next_in_time(self) -> HTTPReceiveMessage:
        try:
            async with asyncio.timeout(self._left_s()) as self._waits:
                return await self._next()
        except TimeoutError:
            if self._is_broken_off:
                self.free()
                raise TooManyBodies from None
            raise BodyTooSlow from None
        finally:
            self._waits = None

    @property
    def stands_still(self) -> bool:
        """Whether the sender keeps it waiting for long. A body that waits for room does not."""
        return self._waits is not None and time.monotonic() - self.stepped_at > STANDS_STILL_S

    def break_off(self) -> None:
        """Ends it with TooManyBodies, where it waits for its next piece."""
        if self._waits is not None and not self._is_broken_off:
            self._is_broken_off = True
            self._held.end(self)
            self._waits.reschedule(asyncio.get_running_loop().time())

    def _step(self) -> None:
        if self._received >= self._stepped + STEP_BYTES:
            self._stepped, self.stepped_at = self._received, time.monotonic()

    async def _next(self) -> HTTPReceiveMessage:
        message: HTTPReceiveMessage = await self._receive()  # type: ignore[assignment]  # never one of a web socket
        return message

    def _left_s(self) -> float:
        allowed = min(BODY_S, SLOW_AFTER_S + self._received / MIN_BYTES_PER_S)
        return self._began + allowed - time.monotonic()

    async def _count(self) -> None:
        more = max(0, self._received - FREE_BYTES) - self._counted
        if more:
            began = time.monotonic()
            await self._held.take(self.key, more)
            self.stepped_at += time.monotonic() - began  # nobody sent meanwhile, since nobody read
            self._counted += more
            self._held.begin(self)

    def free(self) -> None:
        """Gives back what was counted."""
        self._held.end(self)
        if self._counted:
            self._held.free(self.key, self._counted)
            self._counted = 0
