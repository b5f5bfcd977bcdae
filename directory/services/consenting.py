"""Grants and withdraws a member's consents, one kind at a time."""

from uuid import UUID

from directory.clock import Clock
from directory.members.consents import Consent, ConsentKind
from directory.store.consents import ConsentStore


class Consenting:
    """The consents of members."""

    def __init__(self, consents: ConsentStore, clock: Clock) -> None:
        self._consents = consents
        self._clock = clock

    async def give(self, member: UUID, kind: ConsentKind, version: int) -> Consent:
        """Gives or renews a consent to the text of that version. Raises MemberGone, ConsentOutdated."""
        return await self._consents.give_consent(member, kind, version, self._clock.now())

    async def withdraw(self, member: UUID, kind: ConsentKind) -> bool:
        """Ends a consent and what rests on it: publications are withdrawn, kept lists deleted, messages
        stopped.

        Returns whether the consent held until now. Raises MemberGone.
        """
        return await self._consents.withdraw_consent(member, kind, self._clock.now())

    async def present(self, member: UUID) -> dict[ConsentKind, Consent]:
        """Returns the consents that hold now, by kind."""
        now = self._clock.now()
        return {each.kind: each for each in await self._consents.list_consents(member) if each.holds(now)}

    async def history(self, member: UUID) -> list[Consent]:
        """Lists all consents that a member ever gave, the oldest first."""
        return await self._consents.list_consents(member)
