"""The proof by links: an X account is proven only where both profiles link to one lasting page."""

import asyncio
import math
import re
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest

from directory.accounts import AccountNetwork, LinkedAccount, ProofState, ProvenAccount, TargetAccount
from directory.identifiers import XHandle, XId
from directory.mappings import Evidence, EvidenceKind, Strength
from directory.members.challenges import MAX_CHECKS_PER_DAY, CheckState
from directory.members.claims import Settled
from directory.members.errors import (
    MemberGone,
    NoPage,
    NotNamed,
    NotProven,
    TooManyAttempts,
    XAccountContested,
)
from directory.members.page_links import PAGE_CODE_CHARS, LinkJob, new_page_code
from directory.members.publications import VALIDITY, Wish
from directory.members.rechecks import Doubtful, Held, Lapsed, Moved, Unlinked, next_recheck_at
from directory.proofs.link_verdict import LinkReason, LinksSeen
from directory.proofs.reasons import RefutedReason, UnreachableReason
from directory.proofs.results import Linked, LinkResult, Refuted, Unreachable
from directory.services.leaving import Leaving
from directory.services.lookup import Lookup
from directory.services.membership import Membership
from directory.services.page_links import PageLinks
from directory.store.claims import ClaimStore
from directory.store.database import Database
from directory.store.link_checks import LinkCheckStore
from directory.store.rechecks import RecheckJob, RecheckStore
from tests.directory.members.logged import LoggedPublishing
from tests.directory.members.people import (
    at_bluesky,
    at_mastodon,
    bluesky,
    mastodon,
    names_of,
    on_x,
    x_account,
)
from tests.directory.members.test_publishing import answers
from tests.harness.clock import FakeClock

ADA = XHandle("ada")
NO = Refuted(RefutedReason.NO_LINK_BACK)
SILENT = Unreachable(UnreachableReason.NO_ANSWER)


class Site(NamedTuple):
    """The services of these tests."""

    membership: Membership
    page_links: PageLinks
    publishing: LoggedPublishing
    rechecks: RecheckStore
    lookup: Lookup
    clock: FakeClock

    def seen(
        self, job: LinkJob, x: LinkResult | XId | None = None, new: LinkResult | None = None
    ) -> LinksSeen:
        """Both sides link, unless a test passes another result; `x` may be the id of the X account."""
        on_x = x if isinstance(x, Linked | Refuted | Unreachable) else Linked(self.link_on_x(), x)
        accounts = {each.id: new or Linked(self.link_on(each)) for each in job.page.new_accounts}
        return LinksSeen(on_x, accounts)

    def link_on_x(self) -> Evidence:
        return Evidence(
            EvidenceKind.PROFILE_LINK, self.clock.now(), "https://x.com/ada", names_of(bluesky("ada"))
        )

    def link_on(self, account: LinkedAccount) -> Evidence:
        ref = f"https://bsky.app/profile/{account.account.id}"
        return Evidence(EvidenceKind.PROFILE_LINK, self.clock.now(), ref)

    async def join(self, name: str) -> UUID:
        """A member with a page that shows their account."""
        member = (await self.membership.sign_in(at_bluesky(name, at=self.clock.now()))).member
        await self.page_links.make_page(member)
        return member

    async def job(self, member: UUID, handle: XHandle = ADA) -> LinkJob:
        """Submits a check of the member's links, and claims it."""
        await self.page_links.submit(member, handle)
        (job,) = await self.page_links.claim_due(10)
        return job

    async def proven(self, member: UUID, x_id: XId | None = None) -> None:
        """Records that both sides link."""
        job = await self.job(member)
        await self.page_links.record(job, self.seen(job, x_id))

    async def account(self, member: UUID, network: AccountNetwork) -> LinkedAccount:
        accounts = await self.membership.accounts(member)
        return next(each for each in accounts if each.network is network)

    async def wish(self, member: UUID, target: AccountNetwork = AccountNetwork.BLUESKY) -> Wish:
        x = await self.account(member, AccountNetwork.X)
        return Wish(x.id, (await self.account(member, target)).id, 1)

    async def publish(self, member: UUID) -> None:
        await self.publishing.publish(member, await self.wish(member))
        await self.publishing.say()

    async def due(self) -> dict[AccountNetwork, RecheckJob]:
        """Claims the re-checks that are due 60 days later, by network."""
        self.clock.advance(days=60)
        return await self.due_now()

    async def due_now(self) -> dict[AccountNetwork, RecheckJob]:
        jobs = await self.rechecks.claim_due_rechecks(self.clock.now(), 10)
        return {job.account.network: job for job in jobs}


@pytest.fixture
def site(  # noqa: PLR0917 - what these tests work with
    membership: Membership,
    page_links: PageLinks,
    publishing: LoggedPublishing,
    rechecks: RecheckStore,
    lookup: Lookup,
    clock: FakeClock,
) -> Site:
    return Site(membership, page_links, publishing, rechecks, lookup, clock)


def target_of(job: RecheckJob) -> TargetAccount:
    assert job.account.target is not None
    return job.account.target


async def state(site: Site, member: UUID) -> tuple[CheckState, str | None]:
    check = await site.page_links.latest_check(member)
    assert check is not None
    return check.state, check.reason


class TestPage:
    async def test_a_page_is_made_once_and_shows_the_new_accounts(self, site: Site) -> None:
        member = (await site.membership.sign_in(at_bluesky("ada"))).member
        assert await site.page_links.page_of(member) is None
        await asyncio.gather(*(site.page_links.make_page(member) for _ in range(3)))
        page = await site.page_links.page_of(member)
        assert page is not None
        assert [str(each.handle) for each in page.accounts] == ["ada.bsky.example"]
        await site.page_links.make_page(member)
        assert await site.page_links.page_of(member) == page
        assert await site.page_links.find_page(page.code) == list(page.accounts)
        assert site.page_links.address(page.code) == f"https://one.example/m/{page.code}"

    async def test_no_handle_is_the_address_of_one(self, site: Site) -> None:
        """A profile that links to `/m/<handle>` would speak for whoever bears the handle later."""
        member = await site.join("ada")
        page = await site.page_links.page_of(member)
        assert page is not None
        for text in ("ada.bsky.example", "ada", "", page.code[:-1], page.code.upper(), f"@{page.code}"):
            assert await site.page_links.find_page(text) == []

    async def test_the_page_of_a_handle_that_passed_on_is_another(self, site: Site, leaving: Leaving) -> None:
        """Who left takes the address along: whoever has the handle after them has a page of their own."""
        former = await site.join("ada")
        page = await site.page_links.page_of(former)
        assert page is not None
        await leaving.erase(former)
        later = await site.membership.sign_in(at_bluesky("eve", handle="ada.bsky.example"))
        await site.page_links.make_page(later.member)
        theirs = await site.page_links.page_of(later.member)
        assert theirs is not None
        assert theirs.code != page.code
        assert await site.page_links.find_page(page.code) == []


class TestCheck:
    async def test_both_sides_link(self, site: Site) -> None:
        member = await site.join("ada")
        await site.proven(member, XId(5))
        assert await state(site, member) == (CheckState.VERIFIED, None)
        await site.publish(member)
        (publication,) = await site.publishing.list_of(member)
        assert (publication.strength, publication.x_id) == (Strength.LINKED, None)
        assert await answers(site.lookup, "@ada") == ["ada.bsky.example"]
        assert await answers(site.lookup, "5") == [], "who is only linked answers by handle"
        x = await site.account(member, AccountNetwork.X)
        assert x.account == x_account("ada", 5)

    @pytest.mark.parametrize(
        ("x", "new", "reason"),
        [
            (NO, None, LinkReason.X_NOT_LINKING),
            (None, NO, LinkReason.NEW_NOT_LINKING),
            (None, Refuted(RefutedReason.LINK_UNVERIFIED), LinkReason.NEW_UNVERIFIED),
        ],
    )
    async def test_one_side_does_not(
        self, site: Site, x: LinkResult | None, new: LinkResult | None, reason: LinkReason
    ) -> None:
        member = await site.join("ada")
        job = await site.job(member)
        await site.page_links.record(job, site.seen(job, x, new))
        assert await state(site, member) == (CheckState.REFUTED, reason)
        assert [each.network for each in await site.membership.accounts(member)] == [AccountNetwork.BLUESKY]

    async def test_silence_refutes_nothing_and_ends_after_a_day(self, site: Site) -> None:
        member = await site.join("ada")
        job = await site.job(member)
        await site.page_links.record(job, site.seen(job, SILENT))
        assert await state(site, member) == (CheckState.WAITING, LinkReason.X_UNREADABLE)
        assert await site.page_links.claim_due(10) == []
        site.clock.advance(hours=23)
        (again,) = await site.page_links.claim_due(10)
        await site.page_links.record(job, site.seen(job))
        assert await state(site, member) == (CheckState.WAITING, LinkReason.X_UNREADABLE), "a late result"
        site.clock.advance(hours=2)
        await site.page_links.record(again, site.seen(again, SILENT))
        assert await state(site, member) == (CheckState.GAVE_UP, LinkReason.X_UNREADABLE)

    async def test_an_attempt_that_was_broken_off_is_due_again(self, site: Site) -> None:
        member = await site.join("ada")
        job = await site.job(member)
        assert await site.page_links.claim_due(10) == []
        await site.page_links.release(job)
        (again,) = await site.page_links.claim_due(10)
        assert again.check.attempts == 1

    async def test_another_name_takes_the_place(self, site: Site) -> None:
        member = await site.join("ada")
        first = await site.page_links.submit(member, ADA)
        assert await site.page_links.submit(member, XHandle("ADA")) == first
        await site.page_links.submit(member, XHandle("other"))
        (job,) = await site.page_links.claim_due(10)
        assert job.check.x_handle == XHandle("other")

    async def test_limits(self, site: Site) -> None:
        stranger = (await site.membership.sign_in(at_bluesky("bob"))).member
        with pytest.raises(NoPage):
            await site.page_links.submit(stranger, ADA)
        member = await site.join("ada")
        for number in range(MAX_CHECKS_PER_DAY):
            await site.page_links.submit(member, XHandle(f"ada{number}"))
        with pytest.raises(TooManyAttempts):
            await site.page_links.submit(member, ADA)

    async def test_a_page_that_was_emptied_meanwhile(self, site: Site) -> None:
        """Nothing on the page: no account can be said to link to it and be linked from it."""
        member = await site.join("ada")
        await site.page_links.submit(member, ADA)
        account = await site.account(member, AccountNetwork.BLUESKY)
        await site.membership.show_on_page(member, account.id, shown=False)
        (job,) = await site.page_links.claim_due(10)
        await site.page_links.record(job, site.seen(job))
        assert await state(site, member) == (CheckState.REFUTED, LinkReason.NEW_NOT_LINKING)

    async def test_erased_while_it_is_looked_at(self, site: Site, leaving: Leaving) -> None:
        member = await site.join("ada")
        job = await site.job(member)
        await leaving.erase(member)
        await site.page_links.record(job, site.seen(job))
        assert await site.page_links.latest_check(member) is None
        with pytest.raises(MemberGone):
            await site.page_links.submit(member, ADA)

    async def test_what_ended_is_put_away_after_a_month(self, site: Site, database: Database) -> None:
        member = await site.join("ada")
        await site.proven(member)
        checks = LinkCheckStore(database)
        assert await checks.purge_link_checks(site.clock.now(), 10) == 0
        site.clock.advance(days=31)
        assert await checks.purge_link_checks(site.clock.now(), 10) == 1


class TestClaims:
    @pytest.mark.parametrize("x_id", [None, XId(5)])
    async def test_two_members_and_one_x_account(
        self, site: Site, claims: ClaimStore, x_id: XId | None
    ) -> None:
        """The first stays, the second goes to the moderators: by number, and where none is told, by name."""
        first, second = await site.join("ada"), await site.join("eve")
        await site.membership.link(first, on_x("ada", 5))
        await site.proven(second, x_id)
        assert await state(site, second) == (CheckState.CONTESTED, None)
        (claim,) = await claims.list_open_claims(10)
        assert claim.member == second
        case = await claims.find_case(claim.id)
        assert case is not None
        assert await claims.approve(case, site.clock.now(), None) is Settled.APPROVED
        await site.proven(second, x_id)
        await site.publish(second)
        assert await answers(site.lookup, "@ada") == ["eve.bsky.example"]

    async def test_a_post_of_the_second_goes_there_too(self, site: Site, claims: ClaimStore) -> None:
        first, second = await site.join("ada"), await site.join("eve")
        await site.proven(first, XId(5))
        with pytest.raises(XAccountContested):
            await site.membership.link(second, on_x("renamed", 5))
        assert len(await claims.list_open_claims(10)) == 1


class TestStrength:
    async def test_an_account_that_does_not_link_is_not_published(self, site: Site) -> None:
        """The other new account was linked here later: its profile was not seen to link to the page."""
        member = await site.join("ada")
        await site.proven(member)
        await site.membership.link(member, at_mastodon("ada"))
        with pytest.raises(NotNamed):
            await site.publishing.publish(member, await site.wish(member, AccountNetwork.MASTODON))

    async def test_a_post_makes_it_stronger(self, site: Site) -> None:
        member = await site.join("ada")
        await site.proven(member)
        await site.publish(member)
        await site.membership.link(member, on_x("ada", 5, at=site.clock.now()))
        await site.publishing.say()
        (publication,) = await site.publishing.list_of(member)
        assert (publication.strength, publication.x_id) == (Strength.BOUND, XId(5))

    async def test_a_link_renews_no_post(self, site: Site) -> None:
        """The post is gone; what it proved must run out, and not live on as if it had been seen again."""
        member = await site.join("ada")
        await site.membership.link(member, on_x("ada", 5, at=site.clock.now()))
        proven_at = site.clock.now()
        site.clock.advance(days=100)
        await site.proven(member, XId(5))
        x = await site.account(member, AccountNetwork.X)
        assert x.checked_at == proven_at
        site.clock.advance(seconds=VALIDITY.total_seconds())
        await site.membership.sign_in(at_bluesky("ada", at=site.clock.now()))
        await site.proven(member, XId(5))
        await site.publish(member)
        (publication,) = await site.publishing.list_of(member)
        assert publication.strength is Strength.LINKED, "what has run out makes room"

    async def test_what_a_moderator_saw_is_not_renewed_by_a_link(self, site: Site) -> None:
        member = await site.join("ada")
        seen = on_x("ada", at=site.clock.now())
        confirmed = Evidence(
            EvidenceKind.X_CONFIRMED, site.clock.now(), seen.evidence.ref, seen.evidence.names
        )
        await site.membership.link(member, ProvenAccount(seen.account, confirmed))
        await site.proven(member)
        assert next_recheck_at(await site.account(member, AccountNetwork.X), site.clock.now()) is None


class TestRechecks:
    async def test_seen_again(self, site: Site) -> None:
        member = await site.join("ada")
        await site.proven(member)
        await site.publish(member)
        jobs = await site.due()
        now = site.clock.now()
        assert set(jobs) == {AccountNetwork.X, AccountNetwork.BLUESKY}
        await site.rechecks.record_recheck(
            jobs[AccountNetwork.X], Held(x_account("ada"), (site.link_on_x(),)), now
        )
        account = jobs[AccountNetwork.BLUESKY].account
        await site.rechecks.record_recheck(
            jobs[AccountNetwork.BLUESKY], Held(account.account, (site.link_on(account),)), now
        )
        assert await site.publishing.say() == 1
        (publication,) = await site.publishing.list_of(member)
        assert (publication.expires, publication.strength) == (now + VALIDITY, Strength.LINKED)

    async def test_the_x_profile_links_no_more(self, site: Site) -> None:
        member = await site.join("ada")
        await site.proven(member)
        await site.publish(member)
        jobs = await site.due()
        await site.rechecks.record_recheck(jobs[AccountNetwork.X], Lapsed(), site.clock.now())
        assert await answers(site.lookup, "@ada") == []

    async def test_the_new_profile_links_no_more(self, site: Site) -> None:
        """What rested on the link goes; the account itself is theirs as before."""
        member = await site.join("ada")
        await site.proven(member)
        await site.publish(member)
        jobs = await site.due()
        job = jobs[AccountNetwork.BLUESKY]
        doubt = Doubtful(ProofState.IN_DOUBT, site.clock.now(), site.clock.now())
        await site.rechecks.record_recheck(job, doubt, site.clock.now())
        assert await answers(site.lookup, "@ada") == ["ada.bsky.example"], "one look takes nothing back"
        again = (await site.due_now())[AccountNetwork.BLUESKY]
        await site.rechecks.record_recheck(again, Unlinked(target_of(job)), site.clock.now())
        assert await answers(site.lookup, "@ada") == []
        account = await site.account(member, AccountNetwork.BLUESKY)
        assert account.health is ProofState.HOLDS
        with pytest.raises(NotProven):
            await site.publishing.publish(member, await site.wish(member))
        await site.proven(member)
        await site.publish(member)
        assert await answers(site.lookup, "@ada") == ["ada.bsky.example"]

    async def test_what_rests_on_a_post_stays(self, site: Site) -> None:
        member = await site.join("ada")
        await site.proven(member)
        await site.membership.link(member, on_x("ada", 5, at=site.clock.now()))
        await site.publish(member)
        job = (await site.due())[AccountNetwork.BLUESKY]
        await site.rechecks.record_recheck(job, Unlinked(target_of(job)), site.clock.now())
        await site.publishing.say()
        assert await answers(site.lookup, "5") == ["ada.bsky.example"]

    async def test_what_moved_is_no_longer_published(self, site: Site) -> None:
        """Nobody has seen the new profile link to the page."""
        member = (await site.membership.sign_in(at_mastodon("ada"))).member
        await site.page_links.make_page(member)
        await site.proven(member)
        await site.publishing.publish(member, await site.wish(member, AccountNetwork.MASTODON))
        await site.publishing.say()
        job = (await site.due())[AccountNetwork.MASTODON]
        there = Moved(mastodon("ada2"))
        await site.rechecks.record_recheck(job, there, site.clock.now())
        assert await answers(site.lookup, "@ada") == []
        account = await site.account(member, AccountNetwork.MASTODON)
        assert account.account == mastodon("ada")
        assert await site.publishing.list_of(member) == []


def test_a_code_has_as_many_random_bits_as_the_document_says() -> None:
    """docs/security.md tells the number. It follows the length of names on X."""
    text = (Path(__file__).parents[3] / "docs" / "security.md").read_text(encoding="utf-8")
    chars = {char for _ in range(200) for char in new_page_code()}
    bits = math.log2(len(chars)) * PAGE_CODE_CHARS
    assert set(re.findall(r"a code of (\d+) random bits", text)) == {f"{bits:.0f}"}
