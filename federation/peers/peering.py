"""Takes up peers, and changes how things stand with them: what pages and commands of operators call.

Nothing of a peer is believed before an operator of ours has compared its fingerprints (`Introduction`), and has
confirmed them: from then on its first key is pinned.
"""

import enum
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog

from directory.clock import Clock
from directory.host_names import LOCAL_HOST
from directory.networks.errors import NetworkError
from directory.origin_names import LOG_SUFFIX, InvalidOrigin, is_local_origin, parse_origin
from directory.origins import ANSWERING, Authority, Standing
from directory.secret_files import SecretFileError
from directory.store.database import Database
from federation.errors import Malformed, PeeringRefused, UnknownPeer
from federation.peers.addresses import parse_peer_address
from federation.peers.introduction import Introducer, Introduction
from federation.peers.signed_client import SignedClient
from federation.peers.standing import PeerStandings
from federation.protocol.descriptor import to_plain
from federation.protocol.peer import Peer, PeerView, TheyFollow, WeFollow
from federation.protocol.peering_wire import (
    PEERING_PATH,
    PeeringRequest,
    State,
    Wish,
    encode_peering,
    parse_peering_answer,
)
from federation.store.peer_purge import PeerPurge
from federation.store.peers import (
    PeerStore,
    fetch_evidence_count,
    fetch_peer,
    fetch_standing,
    put_confirmed,
    put_decision,
)

ANSWERED: Final = frozenset({200, 202})
FORBIDDEN: Final = 403
MAX_REASON_CHARS: Final = 300

log = structlog.get_logger(__name__)


class _Problem(msgspec.Struct):
    detail: str = ""


class Delivered(enum.Enum):
    """What became of a request of ours."""

    APPROVED = enum.auto()
    WAITING = enum.auto()
    """Its operators have to decide."""
    STOPPED = enum.auto()
    REFUSED = enum.auto()
    FAILED = enum.auto()
    """It did not arrive, or the answer says nothing."""


_OF_STATE: Final = {
    State.APPROVED: Delivered.APPROVED,
    State.WAITING: Delivered.WAITING,
    State.STOPPED: Delivered.STOPPED,
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a request of ours, and for a failure why."""

    state: Delivered
    why: str = ""


@dataclass(frozen=True, slots=True)
class PeeringParts:
    """What peers are taken up with."""

    database: Database
    peers: PeerStore
    purge: PeerPurge
    standings: PeerStandings
    introducer: Introducer
    client: SignedClient
    clock: Clock
    own: str
    """The origin of our own log."""
    own_address: str
    """The base URL of this instance."""
    allow_loopback: bool


class Peering:
    """The peers of this instance, for its operators."""

    def __init__(self, parts: PeeringParts) -> None:
        self._parts = parts

    async def introduce(self, address: str) -> Introduction:
        """Fetches who is at an address, for an operator to compare. Changes nothing. Raises PeeringRefused."""
        found = parse_peer_address(address, allow_loopback=self._parts.allow_loopback)
        if found.origin == self._parts.own:
            raise PeeringRefused("that is this instance itself")
        is_reachable = not is_local_origin(self._parts.own) or is_local_origin(found.origin)
        if self._parts.own == LOCAL_HOST + LOG_SUFFIX or not is_reachable:
            raise PeeringRefused(
                "this instance has no public address, at which a peer could ask it: set PASSERELLE_PUBLIC_URL first"
            )
        introduction = await self._parts.introducer.introduce(found)
        _check_pinned(await self._parts.peers.find_peer(found.origin), introduction)
        return introduction

    async def count_evidence(self, origin: str) -> int:
        """Counts the proven contradictions of a log that are kept here, also from before it was removed."""
        async with self._parts.database.connection() as connection:
            return await fetch_evidence_count(connection, origin)

    async def add(self, introduction: Introduction) -> Delivery:
        """Pins what an operator has compared, and asks to follow it. Its log is read from now on.

        Raises PeeringRefused where it is a peer under another key, or is suspended or frozen.
        """
        await self._confirm(introduction, we_follow=WeFollow.ASKED)
        delivery = await self._ask(introduction.address.url, Wish.FOLLOW)
        if delivery.state in {Delivered.APPROVED, Delivered.WAITING}:
            await self._parts.peers.change_we_follow(introduction.origin, WeFollow.FOLLOWING)
        return delivery

    async def approve(self, introduction: Introduction) -> None:
        """Pins what an operator has compared, and lets it take what we say. Raises PeeringRefused."""
        await self._confirm(introduction, they_follow=TheyFollow.APPROVED)

    async def approve_known(self, text: str) -> Peer:
        """Lets a peer take what we say, whose keys were confirmed before. Raises UnknownPeer."""
        peer = await self.find(text)
        if not peer.is_confirmed:
            raise UnknownPeer(f"the fingerprints of {peer.origin} were not compared yet")
        await self._parts.peers.change_they_follow(peer.origin, TheyFollow.APPROVED, None)
        return peer

    async def refuse(self, text: str) -> Peer:
        """Refuses that an instance takes what we say, whether it was approved before or not. Raises UnknownPeer."""
        peer = await self.find(text)
        await self._parts.peers.change_they_follow(peer.origin, TheyFollow.REFUSED, None)
        return peer

    async def views(self) -> list[PeerView]:
        """Lists all peers, and who asks to be one."""
        return await self._parts.peers.list_views()

    async def view(self, text: str) -> PeerView:
        """Returns one of them, by origin or address. Raises UnknownPeer."""
        view = await self._parts.peers.find_view(self._origin_of(text))
        if view is None:
            raise UnknownPeer(f"{self._origin_of(text)} is not a peer of this instance")
        return view

    async def find(self, text: str) -> Peer:
        """Finds a peer, or who asks to be one, by origin or address. Raises UnknownPeer."""
        return (await self.view(text)).peer

    async def limit(self, text: str) -> Peer:
        """Limits a peer: what it says is shown with its origin, and never followed unseen. Raises UnknownPeer,
        StandingRefused."""
        view = await self.view(text)
        self._require(view, Standing.FOLLOWING, Standing.LIMITED)
        await self._change(view.peer, Standing.LIMITED)
        return view.peer

    async def suspend(self, text: str) -> int:
        """Suspends a peer: at once it answers nothing, and its requests are refused; then what it gave is deleted. Can
        be repeated, and goes on where it was interrupted. Returns how many mappings were deleted.

        Raises UnknownPeer, StandingRefused.
        """
        peer = (await self.view(text)).peer
        await self._change(peer, Standing.SUSPENDED)
        return await self._parts.purge.purge_bodies(peer.origin)

    async def resume(self, text: str) -> Peer:
        """Follows a peer again that was limited or suspended, and reads its log at once. Raises UnknownPeer,
        StandingRefused, PeeringRefused where it is frozen."""
        view = await self.view(text)
        self._require(view, Standing.LIMITED, Standing.SUSPENDED, Standing.FOLLOWING)
        await self._answer_again(view.peer, Standing.FOLLOWING)
        return view.peer

    async def unfreeze(self, text: str) -> tuple[Peer, Standing]:
        """Lifts the freeze of a peer on evidence, which is kept. It stands as before: who was limited or suspended is that
        again. Returns that standing. Raises UnknownPeer, StandingRefused, PeeringRefused where it is not frozen."""
        view = await self.view(text)
        self._require(view, Standing.FROZEN)
        after = await self._parts.peers.find_frozen_from(view.peer.origin)
        await self._answer_again(view.peer, after)
        return view.peer, after

    async def remove(self, text: str) -> tuple[int, Delivery | None]:
        """Removes a peer with everything it gave, or a request, and tells it that we follow it no more.

        Returns how many mappings were deleted, and what became of our word; None where there was nothing to tell.
        """
        view = await self.view(text)
        peer = view.peer
        told = None
        if peer.we_follow is not WeFollow.NO and view.standing is not Standing.SUSPENDED:
            told = await self._ask(peer.address, Wish.STOP)
        if view.standing is not None:
            await self._change(peer, Standing.SUSPENDED)
        count = await self._parts.purge.purge_all(peer.origin)
        log.info("a peer was removed", origin=peer.origin, mappings=count)
        return count, told

    async def _confirm(
        self,
        introduction: Introduction,
        *,
        we_follow: WeFollow | None = None,
        they_follow: TheyFollow | None = None,
    ) -> None:
        """Pins the keys, with what was decided, in one transaction: two operators cannot pin two keys."""
        now = self._parts.clock.now()
        async with self._parts.database.transaction() as connection:
            await put_confirmed(connection, introduction.shown, introduction.notes, introduction.size, now)
            peer = await fetch_peer(connection, introduction.origin, is_locked=True)
            # After the row was written: another operator may have been first, with another key.
            _check_pinned(peer, introduction)
            if await fetch_standing(connection, introduction.origin) not in ANSWERING:
                raise PeeringRefused(f"{introduction.origin} is suspended or frozen: resume or unfreeze it")
            await put_decision(connection, introduction.origin, we_follow, they_follow)
        log.info("the keys of a peer were confirmed", origin=introduction.origin)

    async def _answer_again(self, peer: Peer, after: Standing) -> None:
        await self._change(peer, after)
        await self._parts.peers.read_next_now(peer.origin, self._parts.clock.now())

    async def _change(self, peer: Peer, after: Standing) -> None:
        if not peer.is_confirmed:
            raise UnknownPeer(f"{peer.origin} only asks to be a peer: approve or remove it")
        await self._parts.standings.change(peer.origin, after, Authority.OPERATOR)

    async def _ask(self, address: str, wish: Wish) -> Delivery:
        """Sends a request to a peer. Whatever goes wrong is told in the answer: what was decided here stands."""
        own = self._parts.own_address if is_local_origin(self._parts.own) else None
        content = encode_peering(PeeringRequest(1, self._parts.own, wish, own))
        try:
            answer = await self._parts.client.post(address, PEERING_PATH, content, "application/json")
        except (NetworkError, SecretFileError) as error:
            return Delivery(Delivered.FAILED, str(error))
        if answer.status == FORBIDDEN:
            return Delivery(Delivered.REFUSED, _reason_of(answer.body))
        if answer.status not in ANSWERED:
            return Delivery(
                Delivered.FAILED, f"it answered with status {answer.status}: {_reason_of(answer.body)}"
            )
        try:
            state = parse_peering_answer(answer.body)
        except Malformed as error:
            return Delivery(Delivered.FAILED, str(error))
        return Delivery(_OF_STATE[state])

    def _require(self, view: PeerView, *standings: Standing) -> None:
        if view.standing is Standing.FROZEN and Standing.FROZEN not in standings:
            raise PeeringRefused(
                f"{view.peer.origin} is frozen: look at the evidence first, then unfreeze or suspend it"
            )
        if view.standing is not None and view.standing not in standings:
            raise PeeringRefused(f"{view.peer.origin} is {view.standing.name.lower()}")

    def _origin_of(self, text: str) -> str:
        """Reads an origin or an address. Raises UnknownPeer."""
        try:
            if "://" not in text:
                return parse_origin(text if text.endswith(LOG_SUFFIX) else text + LOG_SUFFIX)
            return parse_peer_address(text, allow_loopback=self._parts.allow_loopback).origin
        except (InvalidOrigin, PeeringRefused) as error:
            raise UnknownPeer(str(error)) from error


def _check_pinned(peer: Peer | None, introduction: Introduction) -> None:
    if peer is not None and peer.is_confirmed and peer.first_key != str(introduction.first_key):
        raise PeeringRefused(
            f"{peer.origin} is a peer already, under another first key than this address shows now: it was set up anew,"
            " or somebody else answers there. Ask its operators; to begin anew, remove it first"
        )


def _reason_of(body: bytes) -> str:
    """Returns why a peer refuses, out of its problem document. It is shown to operators and trusted by nobody."""
    try:
        told = msgspec.json.decode(body, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "it tells no reason"
    return to_plain(told.detail, MAX_REASON_CHARS) or "it tells no reason"
