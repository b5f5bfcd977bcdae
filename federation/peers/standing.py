"""How peers stand with this instance: followed, limited, suspended, or frozen."""

import structlog

from directory.origins import Authority, Standing, may_change
from directory.store.origins import OriginStore
from federation.errors import StandingRefused, UnknownPeer

log = structlog.get_logger(__name__)


class PeerStandings:
    """Changes standings. Nothing of a peer is deleted or rewritten by it: what is resumed answers again at once."""

    def __init__(self, origins: OriginStore, own: str) -> None:
        """`own` is the origin of this instance's log, which stands as it is."""
        self._origins = origins
        self._own = own

    async def standing_of(self, origin: str) -> Standing:
        """Tells how a peer stands. Raises UnknownPeer."""
        found = await self._origins.find_origin(origin)
        if found is None or origin == self._own:
            raise UnknownPeer(f"{origin} is not a peer of this instance")
        return found.standing

    async def change(self, origin: str, after: Standing, by: Authority) -> Standing:
        """Changes how a peer stands. Returns how it stood before. Raises UnknownPeer, StandingRefused."""
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
