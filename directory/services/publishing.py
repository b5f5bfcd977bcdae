"""Publishes what a member lets the world know: previewed, changed, and withdrawn at once."""

from uuid import UUID

from directory.clock import Clock
from directory.mappings import Mapping
from directory.members.errors import PublicationHidden, UnknownAccount, UnknownPublication
from directory.members.publications import Publication, Wish, check_handle
from directory.store.members import MemberStore
from directory.store.publications import PublicationStore


class Publishing:
    """Publishes for one instance, whose log is `origin`."""

    def __init__(
        self, members: MemberStore, publications: PublicationStore, clock: Clock, origin: str
    ) -> None:
        self._members = members
        self._publications = publications
        self._clock = clock
        self._origin = origin

    async def preview(self, member: UUID, wish: Wish) -> Mapping:
        """Returns exactly the mapping that would be published. Nothing is stored.

        Raises UnknownAccount, NotProven, ProofLapsed, AccountMoved, ProofTooOld, PublicationHidden.
        """
        accounts = {account.id: account for account in await self._members.list_accounts(member)}
        if wish.x_account not in accounts or wish.target_account not in accounts:
            raise UnknownAccount
        x, target = accounts[wish.x_account], accounts[wish.target_account]
        said = await self._publications.list_publications(member)
        if not any((each.x_account, each.target_account) == (x.id, target.id) for each in said):
            check_handle(target)
        mapping = await self._publications.preview_mapping(x, target, self._origin, self._clock.now())
        if await self._publications.find_hide_reason(mapping) is not None:
            raise PublicationHidden
        return mapping

    async def publish(self, member: UUID, wish: Wish) -> Publication:
        """Publishes a mapping, or changes the one on the target's network; pending until the log has it.

        Raises MemberGone, UnknownAccount, NotProven, ProofLapsed, AccountMoved, ProofTooOld, ConsentMissing,
        ConsentOutdated, PublicationHidden.
        """
        return await self._publications.publish_wish(member, wish, self._origin, self._clock.now())

    async def list_of(self, member: UUID) -> list[Publication]:
        """Lists a member's publications."""
        return await self._publications.list_publications(member)

    async def leaf_of(self, member: UUID, publication: UUID) -> int:
        """Returns the leaf of a publication in the log. Raises UnknownPublication where it is not the member's,
        or has no leaf yet."""
        for each in await self._publications.list_publications(member):
            if each.id == publication and each.leaf is not None:
                return each.leaf
        raise UnknownPublication

    async def withdraw(self, member: UUID, publication: UUID) -> None:
        """Withdraws a publication: it stops answering at once. Raises MemberGone, UnknownPublication."""
        await self._publications.withdraw_publication(member, publication, self._clock.now())

    async def withdraw_all(self, member: UUID) -> int:
        """Withdraws all publications of a member; returns how many there were. Raises MemberGone."""
        return await self._publications.withdraw_all_publications(member, self._clock.now())
