"""Publishing: what a member lets the world know, seen before, changed, and taken back at once."""

from uuid import UUID

from directory.clock import Clock
from directory.mappings import Mapping
from directory.members.errors import PublicationHidden, UnknownAccount, UnknownPublication
from directory.members.publications import Publication, Wish, compose_mapping
from directory.store.members import MemberStore
from directory.store.publications import PublicationStore


class Publishing:
    """Speaks for one instance, whose log is `origin`."""

    def __init__(
        self, members: MemberStore, publications: PublicationStore, clock: Clock, origin: str
    ) -> None:
        self._members = members
        self._publications = publications
        self._clock = clock
        self._origin = origin

    async def preview(self, member: UUID, wish: Wish) -> Mapping:
        """Exactly what the world will see. Nothing is stored.

        Raises UnknownAccount, NotProven, ProofLapsed, ProofTooOld, PublicationHidden.
        """
        accounts = {account.id: account for account in await self._members.list_accounts(member)}
        if wish.x_account not in accounts or wish.target_account not in accounts:
            raise UnknownAccount
        x, target = accounts[wish.x_account], accounts[wish.target_account]
        mapping = compose_mapping(x, target, self._origin, self._clock.now())
        if await self._publications.find_hide_reason(mapping) is not None:
            raise PublicationHidden
        return mapping

    async def publish(self, member: UUID, wish: Wish) -> Publication:
        """Publishes, or changes, what is said on the network of the target; pending until the log says it.

        Raises MemberGone, UnknownAccount, NotProven, ProofLapsed, ProofTooOld, ConsentMissing,
        ConsentOutdated, PublicationHidden.
        """
        return await self._publications.publish_wish(member, wish, self._origin, self._clock.now())

    async def list_of(self, member: UUID) -> list[Publication]:
        """What a member publishes."""
        return await self._publications.list_publications(member)

    async def leaf_of(self, member: UUID, publication: UUID) -> int:
        """Where the log says a publication of this member. Raises UnknownPublication: it is not theirs, or not said."""
        for each in await self._publications.list_publications(member):
            if each.id == publication and each.leaf is not None:
                return each.leaf
        raise UnknownPublication

    async def withdraw(self, member: UUID, publication: UUID) -> None:
        """Stops answering, at once. Raises MemberGone, UnknownPublication."""
        await self._publications.withdraw_publication(member, publication, self._clock.now())

    async def withdraw_all(self, member: UUID) -> int:
        """Withdraws everything; returns how much that was. Raises MemberGone."""
        return await self._publications.withdraw_all_publications(member, self._clock.now())
