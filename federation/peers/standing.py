"""The standings of peers with this instance: followed, limited, suspended, or frozen."""

import structlog

from directory.origins import Authority, Standing, may_change
from directory.store.origins import OriginStore
from federation.errors import StandingRefused, UnknownPeer

log = structlog.get_logger(__name__)


class PeerStandings:
    """Tells and changes standings. A change deletes and rewrites nothing of a peer, which answers again once resumed."""

    def __init__(self, origins: OriginStore, own: str) -> None:
        """`own` is the origin of this instance's log, whose standing never changes."""
        self._origins = origins
        self._own = own

    async def standing_of(self, origin: str) -> Standing:
        """Returns the standing of a peer. Raises UnknownPeer."""
        found = await self._origins.find_origin(origin)
        if found is None or origin == self._own:
            raise UnknownPeer(f"{origin} is not a peer of this instance")
        return found.standing

    async def change(self, origin: str, after: Standing, by: Authority) -> Standing:
        """Changes the standing of a peer. Returns the one before. Raises UnknownPeer, StandingRefused."""
        before = await self.standing_of(origin)
        if before is after:
            return before
        if not may_change(before, after, by):
            raise StandingRefused(f"{origin} is {before.name.lower()}: only an operator lifts that")
        if not await self._origins.change_standing(origin, before, after):
            raise StandingRefused(f"the standing of {origin} was changed at the same time")
        log.info(
            "a peer stands otherwise", origin=origin, before=before.name.lower(), after=after.name.lower()
        )
        return before
