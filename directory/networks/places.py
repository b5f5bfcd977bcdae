"""The places for requests that are under way, and the shares that nobody can exceed.

Whoever names a server decides how long a request takes, so no one may take all places: one host, one registrable
domain (which has any number of hosts), one caller, one network of callers. Jobs and people each have places that
the others never take. A request holds one place, and counts in each of its shares.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

from directory.networks.callers import Caller
from directory.networks.domains import registrable_domain
from directory.networks.errors import Busy

MAX_WAITING: Final = 1_000
WAITING_A_PLACE: Final = 4
"""Requests that may wait in a share for each of its places; more are refused at once."""
_LEAST_PER_HOST: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many requests may be under way: altogether, and in each share."""

    places: int = 64
    per_host: int = 4
    per_domain: int = 8
    per_caller: int = 8
    per_network: int = 12
    for_jobs: int = 16
    """Places that people never take."""
    for_people: int = 16
    """Places that jobs never take."""

    def shared_out(self, processes: int) -> "Room":
        """Returns the part of one of so many processes that run no jobs: at least one place in each share, and two for each
        host. With one, each request to a host would wait for a slow one."""
        people = max(_LEAST_PER_HOST, (self.places - self.for_jobs) // processes)
        host, domain = (
            max(_LEAST_PER_HOST, share // processes) for share in (self.per_host, self.per_domain)
        )
        caller, network = (max(1, share // processes) for share in (self.per_caller, self.per_network))
        return Room(
            places=people,
            per_host=host,
            per_domain=domain,
            per_caller=caller,
            per_network=network,
            for_jobs=0,
            for_people=people,
        )


class Share(NamedTuple):
    """A part of the places: what is counted in it, and how many it has."""

    kind: str
    name: str | bytes
    places: int


class Places:
    """Gives out places, to those that wait the longest first. Belongs to one event loop."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._taken: Counter[Share] = Counter()
        self._waits: Counter[Share] = Counter()
        self._waiting: dict[asyncio.Future[None], Sequence[Share]] = {}

    @asynccontextmanager
    async def taken(self, host: str, caller: Caller, seconds: float) -> AsyncIterator[None]:
        """Holds a place, after waiting for it at most `seconds`. Raises Busy."""
        shares = shares_of(host, caller, self._room)
        if self._fits(shares):
            self._taken.update(shares)
        else:
            await self._wait(host, shares, seconds)
        try:
            yield
        finally:
            self._give_back(shares)

    async def _wait(self, host: str, shares: Sequence[Share], seconds: float) -> None:
        if len(self._waiting) >= MAX_WAITING or any(
            self._waits[share] >= share.places * WAITING_A_PLACE for share in shares
        ):
            raise Busy(host, "too many requests of ours are waiting")
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[admitted] = shares
        self._waits.update(shares)
        is_admitted = False
        try:
            async with asyncio.timeout(seconds):
                await admitted
            is_admitted = True
        except TimeoutError:
            raise Busy(host, "all the connections that we allow ourselves are in use") from None
        finally:
            self._waits.subtract(shares)
            _forget_empty(self._waits, shares)
            # Given up in the moment it was admitted: the place goes to the next.
            if self._waiting.pop(admitted, None) is None and not is_admitted:
                self._give_back(shares)

    def _give_back(self, shares: Sequence[Share]) -> None:
        self._taken.subtract(shares)
        _forget_empty(self._taken, shares)
        for admitted, wanted in list(self._waiting.items()):
            if not admitted.done() and self._fits(wanted):
                self._taken.update(wanted)
                del self._waiting[admitted]
                admitted.set_result(None)

    def _fits(self, shares: Sequence[Share]) -> bool:
        return all(self._taken[share] < share.places for share in shares)


def shares_of(host: str, caller: Caller, room: Room) -> tuple[Share, ...]:
    """Returns the shares that a request counts in.

    Jobs and people have domains apart: who is slow to people does not hold up jobs. Jobs have no share of a caller:
    they run so many at a time as their kinds have slots.
    """
    kind = "jobs" if caller.is_job else "people"
    reserved = room.for_people if caller.is_job else room.for_jobs
    shares = (
        Share("all", "", room.places),
        Share("kind", kind, room.places - reserved),
        Share("host", host, room.per_host),
        Share(f"domain of {kind}", registrable_domain(host), room.per_domain),
    )
    if caller.is_job:
        return shares
    return (
        *shares,
        Share("caller", caller.key, room.per_caller),
        Share("network", caller.network, room.per_network),
    )


def _forget_empty(counter: Counter[Share], shares: Sequence[Share]) -> None:
    """Deletes what counts nothing: strangers can name any number of hosts."""
    for share in shares:
        if not counter[share]:
            del counter[share]
