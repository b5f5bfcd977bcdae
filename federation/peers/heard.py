"""Whom this instance hears: the public list of peers, and how fresh each is.

Named are peers that are followed or limited, unless their listing is turned off. One that is suspended or frozen is not
named: the first is our operators' own affair, and the second is told with its evidence, to operators and to peers.
"""

import enum
from datetime import datetime
from typing import Final

import msgspec

from directory.clock import Clock
from directory.origins import ANSWERING, HIDDEN_AFTER, STALE_AFTER, Standing
from directory.services.statistics import StatisticsService
from federation.store.peer_listing import NamedPeer, PeerListing


class State(enum.StrEnum):
    """How a peer stands here, in the words of the public list."""

    FOLLOWED = "followed"
    LIMITED = "limited"


class Freshness(enum.StrEnum):
    """How long ago a peer was heard from."""

    FRESH = "fresh"
    STALE = "stale"
    """For more than a day: its mappings are shown, and followed unseen by nobody."""
    SILENT = "silent"
    """For more than 7 days, or never: its mappings do not answer."""


_STATE_OF: Final = {Standing.FOLLOWING: State.FOLLOWED, Standing.LIMITED: State.LIMITED}


class HeardPeer(msgspec.Struct, frozen=True):
    """A peer as everybody may see it; `mappings` are those that answer."""

    origin: str
    url: str
    state: State
    heard_at: datetime | None
    freshness: Freshness
    mappings: int

    @property
    def host(self) -> str:
        return self.origin.partition("/")[0]


def freshness_at(heard_at: datetime | None, now: datetime) -> Freshness:
    """Returns how fresh a peer is. The limits are those of the look-ups. Pure."""
    if heard_at is None or now - heard_at >= HIDDEN_AFTER:
        return Freshness.SILENT
    return Freshness.STALE if now - heard_at >= STALE_AFTER else Freshness.FRESH


class HeardPeers:
    """Lists the peers that this instance hears."""

    def __init__(self, listing: PeerListing, statistics: StatisticsService, clock: Clock) -> None:
        self._listing = listing
        self._statistics = statistics
        self._clock = clock

    async def list_peers(self) -> list[HeardPeer]:
        """Lists them by name. Their mappings are counted at most once in five minutes. Raises DirectoryUnavailable."""
        counts = (await self._statistics.current()).by_origin
        now = self._clock.now()
        return [
            _heard(peer, counts.get(peer.origin, 0), now)
            for peer in await self._listing.find_named(sorted(ANSWERING))
        ]


def _heard(peer: NamedPeer, mappings: int, now: datetime) -> HeardPeer:
    # Our clock may be a little behind that of the peer.
    heard_at = peer.heard_at if peer.heard_at is None else min(peer.heard_at, now)
    freshness = freshness_at(heard_at, now)
    return HeardPeer(
        peer.origin,
        peer.address,
        _STATE_OF[peer.standing],
        heard_at,
        freshness,
        0 if freshness is Freshness.SILENT else mappings,
    )
