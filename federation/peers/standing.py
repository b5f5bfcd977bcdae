"""The standings of peers with this instance: followed, limited, suspended, or frozen."""

import structlog

from directory.origin_names import InvalidOrigin, is_local_origin, parse_origin
from directory.origins import Authority, Origin, Standing, may_change
from directory.store.origins import OriginStore
from federation.errors import StandingRefused, UnknownPeer

log = structlog.get_logger(__name__)


class PeerStandings:
    """Tells and changes standings. A change deletes and rewrites nothing of a peer, which answers again once resumed."""

    def __init__(self, origins: OriginStore, own: str, *, allow_loopback: bool = False) -> None:
        """`own` is the origin of this instance's log, whose standing never changes. With `allow_loopback` a log of a
        local name may be a peer, for trying out."""
        self._origins = origins
        self._own = own
        self._allow_loopback = allow_loopback

    async def standing_of(self, origin: str) -> Standing:
        """Returns the standing of a peer. Raises UnknownPeer."""
        return (await self._find(origin)).standing

    async def change(self, origin: str, after: Standing, by: Authority) -> Standing:
        """Changes the standing of a peer. Returns the one before. Raises UnknownPeer, StandingRefused."""
        peer = await self._find(origin)
        name, before = peer.name, peer.standing
        if before is after:
            return before
        if not may_change(before, after, by):
            raise StandingRefused(f"{name} is {before.name.lower()}: only an operator lifts that")
        if not await self._origins.change_standing(name, before, after):
            raise StandingRefused(f"the standing of {name} was changed at the same time")
        log.info("a peer stands otherwise", origin=name, before=before.name.lower(), after=after.name.lower())
        return before

    async def _find(self, origin: str) -> Origin:
        """Finds a peer by its origin, however that is typed. A log of a local name is no peer of a public instance."""
        try:
            name = parse_origin(origin)
        except InvalidOrigin as error:
            raise UnknownPeer(str(error)) from error
        found = await self._origins.find_origin(name)
        is_elsewhere = self._allow_loopback or not is_local_origin(name)
        if found is None or name == self._own or not is_elsewhere:
            raise UnknownPeer(f"{name} is not a peer of this instance")
        return found
