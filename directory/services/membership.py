"""Members, their accounts, and the page that shows them."""

from uuid import UUID

from directory.accounts import LinkedAccount, Member, ProvenAccount, TargetAccount
from directory.clock import Clock
from directory.members.claims import Claim
from directory.store.claims import ClaimStore
from directory.store.members import MemberStore, SignedIn


class Membership:
    """Links and shows accounts once a sign-in or a proof has shown whose they are."""

    def __init__(self, members: MemberStore, claims: ClaimStore, clock: Clock) -> None:
        self._members = members
        self._claims = claims
        self._clock = clock

    async def sign_in(
        self, proven: ProvenAccount, *, may_join: bool = True, afresh: bool = False
    ) -> SignedIn:
        """Finds the member who holds the account, or makes a new one.

        An account whose proof lapsed opens nothing where its member has another; `afresh` then begins a new
        membership with it. Raises LapsedSignIn, NewAccountFirst for an unknown X account, and RegistrationClosed
        where nobody may join.
        """
        return await self._members.sign_in(proven, self._clock.now(), may_join=may_join, afresh=afresh)

    async def enter(self, account: TargetAccount, *, is_refuted: bool) -> LinkedAccount | None:
        """Finds the account of the member who has just proven to hold it, though no handle was seen to lead to it; with
        `is_refuted`, one was seen not to. Renews nothing: what is published of it is as after such a re-check.

        Returns None where nobody holds it, or it lapsed. Raises LapsedSignIn.
        """
        return await self._members.enter(account, self._clock.now(), is_refuted=is_refuted)

    async def link(self, member: UUID, proven: ProvenAccount) -> LinkedAccount:
        """Links an account, or renews its proof. One that lapsed is taken over from a member who has another.

        Raises MemberGone, AccountLinkedElsewhere, TooManyAccounts, ClaimPaused, and XAccountContested once the
        claim is stored.
        """
        return await self._members.link_account(member, proven, self._clock.now())

    async def unlink(self, member: UUID, account: UUID) -> LinkedAccount:
        """Unlinks an account and withdraws all that is published of it. Raises MemberGone, UnknownAccount,
        LastAccount."""
        return await self._members.unlink_account(member, account, self._clock.now())

    async def find(self, member: UUID) -> Member | None:
        return await self._members.find_member(member)

    async def accounts(self, member: UUID) -> list[LinkedAccount]:
        """Lists a member's accounts, the first linked first."""
        return await self._members.list_accounts(member)

    async def waiting_claims(self, member: UUID) -> list[Claim]:
        """Lists a member's claims that wait, for the moderators or for evidence."""
        return await self._claims.list_open_claims_of_member(member)

    async def contested_accounts(self, member: UUID) -> set[UUID]:
        """Finds the accounts of a member that somebody else claims. It does not tell who."""
        return await self._claims.find_contested_accounts(member)

    async def show_on_page(self, member: UUID, account: UUID, *, shown: bool) -> None:
        """Shows an account on the member's page, or takes it off. Raises UnknownAccount."""
        await self._members.show_on_page(member, account, shown=shown)

    async def page(self, handle: str) -> list[LinkedAccount]:
        """Reads the accounts on the page `/m/<handle>`: that of the member who shows an account of this handle.
        Returns an empty list where there is no page."""
        # No handle holds what cannot be printed; a zero byte no database takes.
        return await self._members.find_page(handle) if handle.isprintable() else []
