"""Sends many writes at once, and finds out which of them a server does not take.

A server takes a batch whole or not at all. Where it takes none, the reason may be one bad record, or a key that is
there already (or, to delete, is gone): the reference server answers both with a plain error. So the repository is
looked at once, what is as it should be is left out, and the rest is halved until the bad ones stand alone.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

import msgspec

from directory.follows.port import Attempt
from directory.networks.bluesky.xrpc import Refusal
from directory.networks.errors import NetworkError
from directory.networks.sign_in_errors import NeedsSignIn

MAX_CALLS: Final = 24
"""Of one batch: what is then left is tried in the next."""
_INTERNAL: Final = 500
_MAYBE_A_RECORD: Final = frozenset({400, 409, 413, 422, _INTERNAL})

Part = Sequence[Attempt]
SendPart = Callable[[Part], Awaitable[None]]
LookForPart = Callable[[Part], Awaitable[Collection[int]]]


class Settled(msgspec.Struct):
    """What became of a batch. The lists hold the items; `calls` counts the writes that were sent, each as often."""

    done: list[Attempt] = []
    found: list[Attempt] = []
    """As they should be without this call."""
    refused: list[Attempt] = []
    unsent: list[Attempt] = []
    unknown: list[Attempt] = []
    """Maybe written: the server fell silent, or failed."""
    writes: int = 0
    is_limited: bool = False


class Settling:
    """One batch on its way. `send` writes a part whole or raises; `look` returns the numbers of those that are as they
    should be."""

    def __init__(self, send: SendPart, look: LookForPart, affords: Callable[[int], bool]) -> None:
        """`affords` tells whether the server permits so many writes more."""
        self._send = send
        self._look = look
        self._affords = affords
        self._has_looked = False
        self._calls = 0
        self._waiting: list[Part] = []
        self._settled = Settled()

    async def run(self, items: Part, *, one_by_one: bool = False) -> Settled:
        """Sends a batch. Raises NetworkError and NeedsSignIn where nothing of it is settled."""
        self._waiting = [[item] for item in reversed(items)] if one_by_one else [items] if items else []
        while self._waiting and not self._settled.is_limited:
            part = self._waiting.pop()
            if self._calls >= MAX_CALLS or (self._calls and not self._affords(len(part))):
                self._settled.unsent += part
                continue
            try:
                await self._try(part)
            except (NetworkError, NeedsSignIn):
                settled = self._settled
                if not (settled.done or settled.found or settled.refused):
                    raise
                settled.unknown += part
                break
        self._settled.unsent += [item for part in self._waiting for item in part]
        return self._settled

    async def _try(self, part: Part) -> None:
        self._calls += 1
        self._settled.writes += len(part)
        try:
            await self._send(part)
        except Refusal as refusal:
            await self._take_refusal(part, refusal)
        else:
            self._settled.done += part

    async def _take_refusal(self, part: Part, refusal: Refusal) -> None:
        if refusal.is_rate_limit:
            self._settled.is_limited = True
            self._settled.unsent += part
            self._settled.writes -= len(part)
            return
        if refusal.status not in _MAYBE_A_RECORD:
            raise refusal
        if not self._has_looked and await self._leave_out(part):
            return
        if refusal.status >= _INTERNAL:
            raise refusal
        if len(part) == 1:
            self._settled.refused += part
            return
        middle = len(part) // 2
        self._waiting += [part[middle:], part[:middle]]

    async def _leave_out(self, part: Part) -> bool:
        """Leaves out what is as it should be. Returns False where nothing is."""
        self._has_looked = True
        numbers = set(await self._look(part))
        rest = [item for item in part if item.number not in numbers]
        if len(rest) == len(part):
            return False
        self._settled.found += [item for item in part if item.number in numbers]
        if rest:
            self._waiting.append(rest)
        return True
