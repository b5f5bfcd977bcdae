"""Being a member: the accounts, and the page that shows them."""

from uuid import UUID

from directory.accounts import LinkedAccount, Member, ProvenAccount
from directory.clock import Clock
from directory.store.claims import Claim, ClaimStore
from directory.store.members import MemberStore, SignedIn


class Membership:
    """What is done with accounts once a network, or a proof, has shown whose they are."""

    def __init__(self, members: MemberStore, claims: ClaimStore, clock: Clock) -> None:
        self._members = members
        self._claims = claims
        self._clock = clock

    async def sign_in(self, proven: ProvenAccount, *, may_join: bool = True) -> SignedIn:
        """The member who holds the account, or a new one. Raises NewAccountFirst for an unknown X account, and
        RegistrationClosed where somebody new may not join."""
        return await self._members.sign_in(proven, self._clock.now(), may_join=may_join)

    async def link(self, member: UUID, proven: ProvenAccount) -> LinkedAccount:
        """Adds an account, or renews its proof. Raises MemberGone, AccountLinkedElsewhere, TooManyAccounts,
        and XAccountContested, with the claim written down."""
        return await self._members.link_account(member, proven, self._clock.now())

    async def unlink(self, member: UUID, account: UUID) -> LinkedAccount:
        """Takes an account away, with all that is published of it. Raises MemberGone, UnknownAccount, LastAccount."""
        return await self._members.unlink_account(member, account, self._clock.now())

    async def find(self, member: UUID) -> Member | None:
        return await self._members.find_member(member)

    async def accounts(self, member: UUID) -> list[LinkedAccount]:
        """The first linked first."""
        return await self._members.list_accounts(member)

    async def waiting_claims(self, member: UUID) -> list[Claim]:
        """X accounts that the moderators have still to decide on."""
        return await self._claims.list_open_claims_of_member(member)

    async def contested(self, limit: int) -> list[Claim]:
        """For the moderators: X accounts that two members have proven, the longest waiting first."""
        return await self._claims.list_open_claims(limit)

    async def settle_claim(self, claim: UUID, *, upheld: bool) -> bool:
        """The moderators decide. Upheld: the account passes to who claims it, and what the holder publishes
        of it is withdrawn. False: there is no such claim (any more)."""
        return await self._claims.settle_claim(claim, self._clock.now(), upheld=upheld)

    async def show_on_page(self, member: UUID, account: UUID, *, shown: bool) -> None:
        """Puts an account on the member's page, or takes it off. Raises UnknownAccount."""
        await self._members.show_on_page(member, account, shown=shown)

    async def page(self, handle: str) -> list[LinkedAccount]:
        """What the page `/m/<handle>` shows: that of whoever shows an account of this handle. Empty: no page."""
        return await self._members.find_page(handle)
