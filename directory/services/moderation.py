"""Moderation: what this instance keeps from being answered."""

from uuid import UUID, uuid4

from directory.clock import Clock
from directory.identifiers import XId
from directory.mappings import Network
from directory.moderation.hides import MAX_BY_CHARS, Hide, HideNote, HideReason
from directory.queries import Query
from directory.store.hides import HideStore


class Moderation:
    """What moderators do. The caller makes sure that one asks."""

    def __init__(self, hides: HideStore, clock: Clock) -> None:
        self._hides = hides
        self._clock = clock

    async def hide(
        self, account: Query, network: Network, origin: str, reason: HideReason, by: str
    ) -> Hide | None:
        """Hides the mappings of an X account on a network that come from `origin`, later ones too, until the
        hide is lifted.

        Returns the hide, or the one before where the account was hidden already. Returns None where `origin`
        has no such mapping.
        """
        return await self._hides.place_hide(
            account, network, origin, HideNote(uuid4(), reason, by[:MAX_BY_CHARS], self._clock.now())
        )

    async def others(self, hide: Hide) -> list[XId]:
        """Lists other X accounts that the origin of a hide gives the same name, and that are shown: X gives names to others."""
        return await self._hides.find_others(hide)

    async def hides(self) -> list[Hide]:
        """Lists the hides, the newest first."""
        return await self._hides.list_hides()

    async def lift(self, hide: UUID) -> bool:
        """Lifts a hide; returns whether there was one."""
        return await self._hides.lift_hide(hide)
