"""Receives the requests of other instances to follow this one. Whoever asks is believed nothing: an operator decides."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from directory.clock import Clock
from directory.networks.domains import registrable_domain
from directory.origin_names import LOG_SUFFIX
from directory.store.database import Database
from federation.errors import (
    PeeringRefused,
    PeerRefused,
    TooManyRequests,
    UntrustedRequest,
)
from federation.peers.addresses import address_of
from federation.peers.budget import PEERINGS_AN_HOUR, Asked, PeerBudget
from federation.peers.introduction import FOR_STRANGERS, Introducer
from federation.peers.requests import PeerRequests
from federation.peers.signing import Request, verify_request
from federation.protocol.peer import Peer, Shown, TheyFollow
from federation.protocol.peering_wire import PeeringRequest, State, Wish, parse_peering_request
from federation.store.peers import (
    PeerStore,
    delete_forgotten,
    fetch_asking,
    fetch_peer,
    lock_asking,
    put_asking,
)

MAX_WAITING: Final = 200
"""Requests of strangers that wait at a time."""
MAX_WAITING_A_DOMAIN: Final = 3
FORGOTTEN_AFTER: Final = timedelta(days=30)
SEEN_FOR: Final = timedelta(minutes=1)
"""How long the keys of a stranger are known, before they are fetched again."""
MAX_SEEN: Final = 1_000
FULL_S: Final = 3_600

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stranger:
    """An instance that nobody here has confirmed, and the peer key that it shows."""

    shown: Shown
    peer_key: bytes


@dataclass(frozen=True, slots=True)
class AskingParts:
    """What the requests of strangers are received with."""

    database: Database
    peers: PeerStore
    requests: PeerRequests
    introducer: Introducer
    budget: PeerBudget
    clock: Clock
    own: str
    """The origin of our own log."""
    allow_loopback: bool


class Asking:
    """Answers who asks to follow us, or to follow no more."""

    def __init__(self, parts: AskingParts) -> None:
        self._parts = parts
        self._seen: OrderedDict[str, tuple[datetime, Stranger | str]] = OrderedDict()

    async def receive(self, request: Request, count_stranger: Callable[[], None]) -> State:
        """Receives a signed request. `count_stranger` is called before another server is asked for somebody whom nobody
        here has confirmed, and raises where that caller has asked too often.

        Raises UntrustedRequest, PeerRefused, TooManyRequests, InvalidPeering.
        """
        claim = self._parts.requests.read(request)
        said = parse_peering_request(request.content)
        if said.origin != claim.origin:
            raise UntrustedRequest("the request names another log than its signature")
        if said.origin == self._parts.own:
            raise PeerRefused("this is our own log")
        peer = await self._parts.peers.find_peer(said.origin)
        if peer is not None and peer.is_confirmed:
            return await self._answer_peer(await self._parts.requests.verify(request), said.wish)
        if peer is not None and peer.they_follow is TheyFollow.REFUSED:
            raise PeerRefused(f"the operators here have refused {said.origin}")
        count_stranger()
        return await self._answer_stranger(request, said)

    async def _answer_peer(self, peer: Peer, wish: Wish) -> State:
        self._parts.budget.take(peer.origin, Asked.PEERING, PEERINGS_AN_HOUR)
        if wish is Wish.STOP:
            await self._parts.peers.stop_following(peer.origin)
            return State.STOPPED
        return await self._answer_known(peer)

    async def _answer_known(self, peer: Peer) -> State:
        """Answers a peer that asks to follow us by what our operators have decided. Raises PeerRefused."""
        if peer.they_follow is TheyFollow.REFUSED:
            raise PeerRefused(f"the operators here have refused {peer.origin}")
        if peer.they_follow is TheyFollow.APPROVED:
            return State.APPROVED
        await self._parts.peers.ask_again(peer.origin, self._parts.clock.now())
        return State.WAITING

    async def _answer_stranger(self, request: Request, said: PeeringRequest) -> State:
        requests = self._parts.requests
        await self._check_room(said)
        stranger = await self._look_at(said)
        claim = requests.read(request)
        verify_request(request, claim, stranger.peer_key)
        await requests.use_up(claim)
        if said.wish is Wish.STOP:
            await self._parts.peers.forget_asking(said.origin)
            return State.STOPPED
        return await self._store(stranger.shown)

    async def _look_at(self, said: PeeringRequest) -> Stranger:
        """Fetches the keys of a stranger. Raises UntrustedRequest.

        What was seen, or that nothing was, is known for a minute: anyone can name anyone's host, and must neither have
        it asked again and again, nor keep its own request out.
        """
        now = self._parts.clock.now()
        seen_at, seen = self._seen.get(said.origin, (None, None))
        if seen is None or seen_at is None or not seen_at <= now < seen_at + SEEN_FOR:
            seen = await self._introduce(said)
            self._seen[said.origin] = now, seen
            self._seen.move_to_end(said.origin)
            if len(self._seen) > MAX_SEEN:
                self._seen.popitem(last=False)
        if isinstance(seen, str):
            raise UntrustedRequest(seen)
        return seen

    async def _introduce(self, said: PeeringRequest) -> Stranger | str:
        """Returns a stranger, or why its keys are not known."""
        parts = self._parts
        try:
            address = address_of(said.origin, said.address, allow_loopback=parts.allow_loopback)
            introduction = await parts.introducer.introduce(address, FOR_STRANGERS)
        except PeeringRefused as error:
            return f"the peer key of {said.origin} is not known here: {error}"
        return Stranger(introduction.shown, introduction.document.peer_key)

    async def _store(self, shown: Shown) -> State:
        """Stores a request, unless there is no room any more. Where an operator has decided meanwhile, as where those of
        both sides take each other up at the same moment, that is the answer. Raises PeerRefused, TooManyRequests."""
        origin, now = shown.origin, self._parts.clock.now()
        async with self._parts.database.transaction() as connection:
            await lock_asking(connection)
            await delete_forgotten(connection, now - FORGOTTEN_AFTER)
            check_room(origin, await fetch_asking(connection, now - FORGOTTEN_AFTER))
            peer = await fetch_peer(connection, origin, is_locked=True)
            is_decided = peer is not None and (peer.is_confirmed or peer.they_follow is TheyFollow.REFUSED)
            if not is_decided:
                await put_asking(connection, shown, now)
        log.info("an instance asks to follow this one", origin=origin)
        if peer is None or not is_decided:
            return State.WAITING
        if peer.is_confirmed and peer.first_key != shown.first_key:
            raise PeerRefused(f"{origin} was confirmed here under another key")
        return await self._answer_known(peer)

    async def _check_room(self, said: PeeringRequest) -> None:
        """Refuses before anything is fetched where there would be no room."""
        if said.wish is Wish.FOLLOW:
            since = self._parts.clock.now() - FORGOTTEN_AFTER
            check_room(said.origin, await self._parts.peers.list_asking(since))


def check_room(origin: str, waiting: list[str]) -> None:
    """Checks whether one more stranger may wait, beside those that do. Pure. Raises TooManyRequests."""
    if origin in waiting:
        return
    domain = registrable_domain(_host_of(origin))
    of_domain = sum(1 for each in waiting if registrable_domain(_host_of(each)) == domain)
    if len(waiting) >= MAX_WAITING or of_domain >= MAX_WAITING_A_DOMAIN:
        raise TooManyRequests("too many instances wait for the operators here to decide", FULL_S)


def _host_of(origin: str) -> str:
    return origin.removesuffix(LOG_SUFFIX)
