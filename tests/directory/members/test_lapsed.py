"""What an account opens once its proof has lapsed: a domain was bought, or a name was given to somebody else."""

import asyncio
from datetime import datetime
from uuid import UUID

import pytest

from directory.accounts import ProofState, ProvenAccount
from directory.mappings import Evidence, EvidenceKind
from directory.members.claims import Settled
from directory.members.errors import (
    AccountLinkedElsewhere,
    LapsedSignIn,
    RegistrationClosed,
    TooManyAccounts,
    UnknownAccount,
)
from directory.members.publications import Wish
from directory.members.rechecks import RECHECK_EVERY, Lapsed, judge_target
from directory.networks.port import Purpose
from directory.proofs.reasons import UnreachableReason
from directory.proofs.results import Unreachable
from directory.queries import Lists, parse_lines
from directory.services.follow_lists import FollowLists
from directory.services.housekeeping import Housekeeping
from directory.services.membership import Membership
from directory.services.permissions import Permissions
from directory.services.publishing import Publishing
from directory.services.signing_in import SigningIn
from directory.store.claims import ClaimStore
from directory.store.database import Database
from directory.store.rechecks import RecheckJob, RecheckStore
from tests.directory.members.conftest import Join
from tests.directory.members.contests import Site
from tests.directory.members.people import at_bluesky, at_mastodon, bluesky, names_of, on_x, x_account
from tests.directory.members.test_permissions import tokens
from tests.harness.clock import START, FakeClock


class Lapsing:
    """Has members publish something, and re-checks find that their accounts are gone."""

    def __init__(self, publishing: Publishing, rechecks: RecheckStore, clock: FakeClock) -> None:
        self._publishing = publishing
        self._rechecks = rechecks
        self._clock = clock

    async def publish(self, member: UUID, wish: Wish) -> None:
        """Publishes, and waits until the re-checks are due."""
        await self._publishing.publish(member, wish)
        self._clock.advance(days=60)

    async def claim(self, account: UUID) -> RecheckJob:
        """Claims the re-check of an account."""
        jobs = await self._rechecks.claim_due_rechecks(self._clock.now(), 100)
        for job in jobs:
            if job.account.id != account:
                await self._rechecks.release_recheck(job, self._clock.now())
        return next(job for job in jobs if job.account.id == account)

    async def record(self, job: RecheckJob) -> None:
        assert await self._rechecks.record_recheck(job, Lapsed(), self._clock.now())

    async def lapse(self, account: UUID) -> None:
        await self.record(await self.claim(account))


@pytest.fixture
def lapsing(publishing: Publishing, rechecks: RecheckStore, clock: FakeClock) -> Lapsing:
    return Lapsing(publishing, rechecks, clock)


@pytest.fixture
async def gone(join: Join, lapsing: Lapsing) -> tuple[UUID, Wish]:
    """A member whose Bluesky account lapsed, and who has an X account."""
    member, wish = await join("ada", 5)
    await lapsing.publish(member, wish)
    await lapsing.lapse(wish.target_account)
    return member, wish


async def kinds(membership: Membership, member: UUID) -> list[tuple[str, bool]]:
    """Returns a member's accounts, and which of them lapsed."""
    return sorted((each.network.value, each.is_lapsed) for each in await membership.accounts(member))


async def alone(membership: Membership, wish: Wish, member: UUID) -> None:
    """Leaves a member their lapsed account alone."""
    await membership.unlink(member, wish.x_account)


async def test_a_bought_domain_is_not_the_member(membership: Membership, gone: tuple[UUID, Wish]) -> None:
    """An account lapsed as gone; months later somebody buys its domain, answers for it, and signs in: they were
    the member, and the account revived itself."""
    member, _ = gone
    for _ in range(2):
        with pytest.raises(LapsedSignIn) as refused:
            await membership.sign_in(at_bluesky("ada"))
        assert refused.value.account == at_bluesky("ada").account
    assert await kinds(membership, member) == [("bluesky", True), ("x", False)]


async def test_it_is_renewed_from_inside_a_session_of_its_member(
    membership: Membership, gone: tuple[UUID, Wish]
) -> None:
    member, wish = gone
    renewed = await membership.link(member, at_bluesky("ada"))
    assert (renewed.id, renewed.is_lapsed) == (wish.target_account, False)
    assert (await membership.sign_in(at_bluesky("ada"))).member == member


async def test_the_only_account_is_the_only_way_in(membership: Membership, gone: tuple[UUID, Wish]) -> None:
    member, wish = gone
    await alone(membership, wish, member)
    signed_in = await membership.sign_in(at_bluesky("ada"), afresh=True)
    assert (signed_in.member, signed_in.is_new, signed_in.account.is_lapsed) == (member, False, False)


async def test_an_account_that_holds_opens_its_membership_as_always(
    membership: Membership, join: Join
) -> None:
    """Also where "begin anew" was asked for: nobody takes an account out of a membership that way."""
    member, _ = await join("ada", 5)
    signed_in = await membership.sign_in(at_bluesky("ada"), afresh=True)
    assert (signed_in.member, signed_in.is_new) == (member, False)


async def test_a_rightful_new_owner_begins_anew(
    membership: Membership, permissions: Permissions, gone: tuple[UUID, Wish], clock: FakeClock
) -> None:
    """A recycled name has an owner again, who is nobody's former self: they begin with nothing, and what the
    former bearer let this instance do is revoked."""
    member, wish = gone
    await permissions.keep(wish.target_account, Purpose.FOLLOW, tokens("former", clock.now()))
    begun = await membership.sign_in(at_bluesky("ada"), afresh=True)
    assert begun.is_new
    assert begun.member != member
    assert await kinds(membership, begun.member) == [("bluesky", False)]
    assert await kinds(membership, member) == [("x", False)]
    ((_, revoked),) = await permissions.claim_revocations(10)
    assert revoked is not None
    assert revoked.access == "former"
    assert (await membership.sign_in(at_bluesky("ada"))).member == begun.member


async def test_a_membership_that_nobody_can_enter_any_more_is_erased(
    site: Site, follow_lists: FollowLists, gone: tuple[UUID, Wish], lapsing: Lapsing
) -> None:
    """Fault: whoever began anew with a lapsed account, and proved their X account there, left a membership without an account
    behind. Nobody could enter it, nor erase it: whom they followed on X was kept for months, the rest for ever."""
    member, wish = gone
    await follow_lists.keep(member, Lists.FOLLOWING, parse_lines("1,ann"), consent=1)
    async with site.database.connection() as connection:
        await connection.execute("UPDATE linked_account SET health = 3 WHERE id = $1", wish.x_account)
    begun = await site.membership.sign_in(at_bluesky("ada"), afresh=True)
    housekeeping = Housekeeping(site.database, site.clock)
    assert (await housekeeping.run())["member"] == 0, "their account at X is left"
    await site.membership.link(begun.member, on_x("ada", 5, at=site.clock.now()))
    assert (await housekeeping.run())["member"] == 1
    assert await site.membership.find(member) is None
    async with site.database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM follow_list") == 0
    assert await kinds(site.membership, begun.member) == [("bluesky", False), ("x", False)]
    assert (await housekeeping.run())["member"] == 0


async def test_a_handle_at_x_keeps_no_membership_that_nobody_can_enter(
    site: Site, join: Join, lapsing: Lapsing
) -> None:
    """Fault: the same with an account at X that is known by its handle alone, which lets nobody in: it went on holding the
    account, so that its own bearer's proof was contested by their former self."""
    member, wish = await join("bea", None)
    await lapsing.publish(member, wish)
    await lapsing.lapse(wish.target_account)
    begun = await site.membership.sign_in(at_bluesky("bea"), afresh=True)
    assert (await Housekeeping(site.database, site.clock).run())["member"] == 1
    assert await site.membership.find(member) is None
    await site.membership.link(begun.member, on_x("bea", at=site.clock.now()))
    assert await kinds(site.membership, begun.member) == [("bluesky", False), ("x", False)]


async def test_nobody_begins_anew_where_nobody_may_join(
    membership: Membership, gone: tuple[UUID, Wish]
) -> None:
    member, _ = gone
    with pytest.raises(RegistrationClosed):
        await membership.sign_in(at_bluesky("ada"), afresh=True, may_join=False)
    assert await kinds(membership, member) == [("bluesky", True), ("x", False)]


async def test_a_lapsed_x_account_opens_nothing_either(
    membership: Membership, join: Join, lapsing: Lapsing
) -> None:
    """No membership begins with X, so "begin anew" is none of its choices."""
    member, wish = await join("ada", 5)
    await lapsing.publish(member, wish)
    await lapsing.lapse(wish.x_account)
    by_x = ProvenAccount(x_account("ada", 5), Evidence(EvidenceKind.X_OAUTH, START))
    for afresh in (False, True):
        with pytest.raises(LapsedSignIn):
            await membership.sign_in(by_x, afresh=afresh)
    assert await kinds(membership, member) == [("bluesky", False), ("x", True)]
    renewed = await membership.link(member, by_x)
    assert not renewed.is_lapsed
    assert (await membership.sign_in(by_x)).member == member


async def test_a_lapsed_holder_blocks_nobody(
    membership: Membership, permissions: Permissions, gone: tuple[UUID, Wish], clock: FakeClock
) -> None:
    member, wish = gone
    await permissions.keep(wish.target_account, Purpose.FOLLOW, tokens("former", clock.now()))
    bob = (await membership.sign_in(at_mastodon("bob"))).member
    linked = await membership.link(bob, at_bluesky("ada"))
    assert (linked.member, linked.is_lapsed) == (bob, False)
    assert linked.id != wish.target_account, "nothing of the former member comes along"
    assert await kinds(membership, member) == [("x", False)]
    assert len(await permissions.claim_revocations(10)) == 1


async def test_what_a_post_proves_beside_a_sign_in_is_rechecked(
    membership: Membership, publishing: Publishing, join: Join, clock: FakeClock
) -> None:
    """A sign-in at X cannot be looked at again without its member, so no re-check is planned. Once a post proves the account
    too, it is looked at again as any other: else whoever buys the handle would be followed for ever."""
    member, wish = await join("ada", 5)
    names = names_of(bluesky("ada"))
    by_sign_in = Evidence(EvidenceKind.X_OAUTH, clock.now(), "https://x.com/i/user/6", names)
    other = await membership.link(member, ProvenAccount(x_account("ada_two", 6), by_sign_in))
    await publishing.publish(member, Wish(other.id, wish.target_account, 1))
    assert await recheck_of(membership, member, other.id) is None
    clock.advance(seconds=60)
    await membership.link(member, on_x("ada_two", 6, at=clock.now(), names=[bluesky("ada")]))
    planned = await recheck_of(membership, member, other.id)
    assert planned is not None
    assert clock.now() < planned <= clock.now() + RECHECK_EVERY


async def recheck_of(membership: Membership, member: UUID, account: UUID) -> datetime | None:
    """Returns when an account of a member is re-checked."""
    return next(each.recheck_at for each in await membership.accounts(member) if each.id == account)


async def test_the_only_account_of_a_member_is_not_taken_over(
    membership: Membership, gone: tuple[UUID, Wish]
) -> None:
    member, wish = gone
    await alone(membership, wish, member)
    bob = (await membership.sign_in(at_mastodon("bob"))).member
    with pytest.raises(AccountLinkedElsewhere):
        await membership.link(bob, at_bluesky("ada"))
    assert await kinds(membership, member) == [("bluesky", True)]


async def test_who_has_no_place_left_takes_nothing_over(
    membership: Membership, gone: tuple[UUID, Wish]
) -> None:
    member, _ = gone
    bob = (await membership.sign_in(at_mastodon("bob"))).member
    for number in range(19):
        await membership.link(bob, at_mastodon(f"bob{number}"))
    with pytest.raises(TooManyAccounts):
        await membership.link(bob, at_bluesky("ada"))
    assert await kinds(membership, member) == [("bluesky", True), ("x", False)]


async def test_two_members_take_over_from_each_other_at_once(
    membership: Membership, join: Join, lapsing: Lapsing
) -> None:
    """Each links the lapsed account of the other: neither waits for the other for ever."""
    for letter in "abcdefgh":
        people = {}
        for name in (f"ann{letter}", f"ben{letter}"):
            member, wish = await join(name, None)
            await lapsing.publish(member, wish)
            people[name] = (member, wish.target_account)
        for _, target in people.values():
            await lapsing.lapse(target)
        (ann, (first, _)), (ben, (second, _)) = people.items()
        taken = await asyncio.gather(
            membership.link(first, at_bluesky(ben)), membership.link(second, at_bluesky(ann))
        )
        assert [each.member for each in taken] == [first, second]


async def test_the_other_account_is_unlinked_in_that_moment(
    membership: Membership, join: Join, lapsing: Lapsing
) -> None:
    """Whether it is the only account is decided with the member locked: a member who unlinks the other one in that
    moment is let in by the last, or it was refused before."""
    for letter in "abcdefgh":
        name = f"cat{letter}"
        member, wish = await join(name, None)
        await lapsing.publish(member, wish)
        await lapsing.lapse(wish.target_account)
        entered, _ = await asyncio.gather(
            membership.sign_in(at_bluesky(name)),
            membership.unlink(member, wish.x_account),
            return_exceptions=True,
        )
        assert isinstance(entered, LapsedSignIn) or (
            not isinstance(entered, BaseException) and entered.member == member
        )
        assert await kinds(membership, member) == [("bluesky", isinstance(entered, LapsedSignIn))]


async def test_a_session_ends_with_the_account_it_began_with(
    membership: Membership, signing_in: SigningIn, join: Join, lapsing: Lapsing
) -> None:
    """Whoever holds a stolen account, or a recycled one, stayed signed in after it was unlinked, or lapsed."""
    member, wish = await join("ada", 5)
    second = await membership.link(member, at_mastodon("ada"))
    first = next(each for each in await membership.accounts(member) if each.id == wish.target_account)
    await lapsing.publish(member, wish)
    by_first, _ = await signing_in.start_session(first, "stolen")
    by_second, session = await signing_in.start_session(second, "own")
    assert session.account == second.id
    await membership.unlink(member, second.id)
    assert await signing_in.session_of(by_second) is None
    assert await signing_in.session_of(by_first)
    await lapsing.lapse(wish.target_account)
    assert await signing_in.session_of(by_first) is None


async def test_a_session_ends_when_its_x_account_is_handed_over(
    membership: Membership, signing_in: SigningIn, claims: ClaimStore, join: Join, clock: FakeClock
) -> None:
    """The moderators gave the X account to who owns it: who had it by fraud is signed in no longer."""
    member, wish = await join("ada", 5)
    x = next(each for each in await membership.accounts(member) if each.id == wish.x_account)
    token, _ = await signing_in.start_session(x, "by X")
    bob = (await membership.sign_in(at_bluesky("bob"))).member
    with pytest.raises(Exception, match="moderators"):
        await membership.link(bob, on_x("ada", 5))
    (claim,) = await claims.list_open_claims(10)
    case = await claims.find_case(claim.id)
    assert case is not None
    settled = await claims.uphold(case, on_x("ada", 5, at=clock.now()), clock.now())
    assert settled is Settled.HANDED_OVER
    assert await signing_in.session_of(token) is None


async def test_taking_an_account_over_ends_its_sessions(
    membership: Membership, signing_in: SigningIn, database: Database, join: Join, clock: FakeClock
) -> None:
    """No session may begin with an account that lapsed, or was unlinked, while the browser was on its way."""
    member, wish = await join("ada", 5)
    first = next(each for each in await membership.accounts(member) if each.id == wish.target_account)
    async with database.connection() as connection:
        await connection.execute("UPDATE linked_account SET health = 3 WHERE id = $1", first.id)
    with pytest.raises(UnknownAccount):
        await signing_in.start_session(first, "late")
    second = await membership.link(member, at_mastodon("ada"))
    await membership.unlink(member, second.id)
    with pytest.raises(UnknownAccount):
        await signing_in.start_session(second, "late")
    assert await signing_in.sessions(member) == []


async def test_no_session_outlasts_a_lapse_in_that_moment(
    membership: Membership,
    signing_in: SigningIn,
    join: Join,
    lapsing: Lapsing,
) -> None:
    for letter in "abcdefgh":
        member, wish = await join(f"dan{letter}", None)
        await lapsing.publish(member, wish)
        account = next(each for each in await membership.accounts(member) if each.id == wish.target_account)
        job = await lapsing.claim(account.id)
        lapsed, *_ = await asyncio.gather(
            lapsing.record(job),
            *(signing_in.start_session(account, "now") for _ in range(3)),
            return_exceptions=True,
        )
        assert lapsed is None
        assert await kinds(membership, member) == [("bluesky", True), ("x", False)]
        assert await signing_in.sessions(member) == []


@pytest.fixture
async def away(
    membership: Membership, join: Join, publishing: Publishing, rechecks: RecheckStore, clock: FakeClock
) -> UUID:
    """A member whose Mastodon server was out of reach for more than a month."""
    member, wish = await join("ada", 5)
    target = await membership.link(member, at_mastodon("ada", at=clock.now()))
    await publishing.publish(member, Wish(wish.x_account, target.id, 1))
    for days in (60, 20, 20):
        clock.advance(days=days)
        jobs = await rechecks.claim_due_rechecks(clock.now(), 9)
        (job,) = [each for each in jobs if each.account.id == target.id]
        silence = judge_target(job.account, Unreachable(UnreachableReason.NO_ANSWER), 1, clock.now())
        await rechecks.record_recheck(job, silence, clock.now())
    return member


async def test_a_domain_that_was_away_is_not_the_member(
    membership: Membership, away: UUID, clock: FakeClock
) -> None:
    """Attack: a dead domain answers nothing, so that its account was stale and never lapsed. Whoever bought it months
    later signed in, was the member, and published the X account as their own."""
    with pytest.raises(LapsedSignIn):
        await membership.sign_in(at_mastodon("ada", at=clock.now()))
    assert (await membership.link(away, at_mastodon("ada", at=clock.now()))).health is ProofState.HOLDS


async def test_a_domain_that_was_away_blocks_no_new_owner(
    membership: Membership, away: UUID, clock: FakeClock
) -> None:
    """Whoever answers for it now links what is theirs; the member has other ways in."""
    bob = (await membership.sign_in(at_bluesky("bob"))).member
    linked = await membership.link(bob, at_mastodon("ada", at=clock.now()))
    assert linked.member == bob
    assert await kinds(membership, away) == [("bluesky", False), ("x", False)]
