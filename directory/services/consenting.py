"""Agreeing, and no longer agreeing: each thing apart."""

from uuid import UUID

from directory.clock import Clock
from directory.members.consents import Consent, ConsentKind
from directory.store.consents import ConsentStore


class Consenting:
    """What members agree to."""

    def __init__(self, consents: ConsentStore, clock: Clock) -> None:
        self._consents = consents
        self._clock = clock

    async def give(self, member: UUID, kind: ConsentKind, version: int) -> Consent:
        """Gives, or renews, a consent to the text of that version. Raises MemberGone, ConsentOutdated."""
        return await self._consents.give_consent(member, kind, version, self._clock.now())

    async def withdraw(self, member: UUID, kind: ConsentKind) -> bool:
        """Ends a consent and what rests on it: publications are withdrawn, kept lists deleted.

        Returns whether there was one. Raises MemberGone.
        """
        return await self._consents.withdraw_consent(member, kind, self._clock.now())

    async def present(self, member: UUID) -> dict[ConsentKind, Consent]:
        """What holds now."""
        now = self._clock.now()
        return {each.kind: each for each in await self._consents.list_consents(member) if each.holds(now)}

    async def history(self, member: UUID) -> list[Consent]:
        """Everything that was ever agreed to, the oldest first."""
        return await self._consents.list_consents(member)
