"""Two members have proven one X account: what is decided, on what evidence, and what the world is told meanwhile."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from string import ascii_lowercase
from uuid import UUID

import msgspec
import pytest

from directory.accounts import ProofState
from directory.identifiers import Acct, XId
from directory.members.claims import APPROVAL_LIFE, CLAIM_LIFE, CLAIM_PAUSE, ClaimState, Settled
from directory.members.errors import ClaimPaused, MemberError, TooManyAccounts
from directory.members.publications import Wish
from directory.members.rechecks import Doubtful, Held, Lapsed
from directory.queries import Query
from tests.directory.members.contests import Site, by_x_sign_in
from tests.directory.members.people import at_mastodon, on_x, x_account, x_ids

ROUNDS = 12


class TestOldEvidence:
    @pytest.mark.parametrize("is_seen_since", [True, False])
    async def test_an_hour_with_the_account_is_worth_nothing_later(
        self, site: Site, is_seen_since: bool
    ) -> None:
        """Attack: Eve held @ada for an hour, posted, and claimed it; Ada took it back, and the claim was forgotten.
        150 days later Ada leaves, and the housekeeping upheld the claim on the old evidence."""
        ada, _ = await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        claim = await site.claim(eve, "ada", 5)
        if is_seen_since:
            site.clock.advance(hours=1)
            job = await site.due_x()
            evidence = on_x("ada", 5, at=site.clock.now()).evidence
            await site.rechecks.record_recheck(job, Held(x_account("ada", 5), (evidence,)), site.clock.now())
        for _ in range(15):
            site.clock.advance(days=10)
            await site.tidy()
        assert [each.id for each in await site.claims.list_open_claims(10)] == [claim] * (not is_seen_since)
        await site.leaving.erase(ada)
        for _ in range(4):
            await site.tidy()
            site.clock.advance(days=10)
        assert await site.x_of(eve) == []
        assert await site.claims.list_open_claims(10) == []

    async def test_a_claim_without_a_holder_is_seen_and_waits_for_a_proof(self, site: Site) -> None:
        """It was in no list once the holder had left, until it was upheld unseen."""
        ada, wish = await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        claim = await site.claim(eve, "ada", 5)
        await site.membership.unlink(ada, wish.x_account)
        await site.tidy()
        (listed,) = await site.claims.list_open_claims(10)
        assert (listed.id, listed.is_free) == (claim, True)
        linked = await site.membership.link(eve, on_x("ada", 5, at=site.clock.now(), post=10))
        assert await site.x_of(eve) == [linked]
        assert await site.claims.list_open_claims(10) == []
        (mine,) = (await site.leaving._exports.read_member(eve)).claims
        assert (mine.state, mine.settled_at) == (ClaimState.UPHELD, site.clock.now())

    async def test_a_decision_on_other_ground_does_not_hold(self, site: Site) -> None:
        """Attack: while the sources are asked about Eve's post, Ada proves the account anew."""
        ada, _ = await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        decided = await site.case(await site.claim(eve, "ada", 5))
        site.clock.advance(minutes=1)
        held = await site.membership.link(ada, on_x("ada", 5, at=site.clock.now(), post=3))
        seen = on_x("ada", 5, at=site.clock.now(), post=9)
        assert await site.claims.uphold(decided, seen, site.clock.now()) is Settled.CHANGED
        assert await site.claims.approve(decided, site.clock.now(), None) is Settled.CHANGED
        assert await site.claims.lapse(decided, site.clock.now()) is Settled.CHANGED
        assert [each.id for each in await site.x_of(ada)] == [held.id]
        (claim,) = await site.claims.list_open_claims(10)
        assert claim.state is ClaimState.OPEN

    @pytest.mark.parametrize("who", ["holder unlinks", "holder leaves", "claimant leaves"])
    async def test_a_decision_about_somebody_who_is_gone_does_not_hold(self, site: Site, who: str) -> None:
        ada, wish = await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        decided = await site.case(await site.claim(eve, "ada", 5))
        if who == "holder unlinks":
            await site.membership.unlink(ada, wish.x_account)
        else:
            await site.leaving.erase(ada if who == "holder leaves" else eve)
        seen = on_x("ada", 5, at=site.clock.now(), post=9)
        expected = Settled.NOT_WAITING if who == "claimant leaves" else Settled.CHANGED
        assert await site.claims.uphold(decided, seen, site.clock.now()) is expected
        assert await site.x_of(eve) == []

    async def test_an_approval_waits_for_the_next_proof(self, site: Site) -> None:
        """A sign-in with X cannot be looked at again by us: the claimant signs in once more."""
        ada, _ = await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        claim = await site.claim(eve, "ada", 5)
        assert await site.approve(claim) is Settled.APPROVED
        site.clock.advance(days=29)
        await site.tidy()
        assert len(await site.x_of(ada)) == 1
        linked = await site.membership.link(eve, by_x_sign_in("ada", 5, site))
        assert (await site.x_of(eve), await site.x_of(ada)) == ([linked], [])
        assert await site.publishing.list_of(ada) == []
        assert await site.claims.list_open_claims(10) == []

    async def test_an_approval_does_not_wait_for_ever(self, site: Site) -> None:
        """Also before the housekeeping comes by: it is not what tells who holds the account."""
        ada, _ = await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        claim = await site.claim(eve, "ada", 5)
        await site.approve(claim)
        site.clock.advance(seconds=APPROVAL_LIFE.total_seconds())
        await site.claim(eve, "ada", 5)
        assert len(await site.x_of(ada)) == 1
        await site.tidy()
        assert await site.claims.find_case(claim) is None
        assert await site.x_of(eve) == []

    async def test_an_approval_ends_with_a_new_proof_of_the_holder(self, site: Site) -> None:
        """Attack: the moderators decided for Eve; Ada has the account again and proves it, and then Eve's old post
        is looked at, which still stands."""
        ada, _ = await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        claim = await site.claim(eve, "ada", 5)
        await site.claims.approve(await site.case(claim), site.clock.now(), site.clock.now())
        (job,) = await site.claims.claim_due_looks(site.clock.now(), 10)
        site.clock.advance(minutes=1)
        await site.membership.link(ada, on_x("ada", 5, at=site.clock.now(), post=3))
        assert await site.claims.claim_due_looks(site.clock.now(), 10) == []
        seen = on_x("ada", 5, at=site.clock.now(), post=9)
        assert await site.claims.carry_out(job, seen, site.clock.now()) is Settled.CHANGED
        assert (await site.case(claim)).claim.state is ClaimState.OPEN
        await site.claim(eve, "ada", 5, post=10)
        assert len(await site.x_of(ada)) == 1

    async def test_a_look_that_comes_late_does_not_count(self, site: Site) -> None:
        """A process that was paused for an hour: what it saw is old, and another looks by now."""
        await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        claim = await site.claim(eve, "ada", 5)
        await site.claims.approve(await site.case(claim), site.clock.now(), site.clock.now())
        (late,) = await site.claims.claim_due_looks(site.clock.now(), 10)
        seen = on_x("ada", 5, at=site.clock.now(), post=9)
        site.clock.advance(hours=1)
        (present,) = await site.claims.claim_due_looks(site.clock.now(), 10)
        assert await site.claims.carry_out(late, seen, site.clock.now()) is Settled.CHANGED
        assert await site.claims.lapse(late.case, site.clock.now(), late.lease) is Settled.CHANGED
        assert await site.claims.carry_out(present, seen, site.clock.now()) is Settled.HANDED_OVER

    async def test_nobody_loses_an_account_that_the_claimant_has_no_room_for(self, site: Site) -> None:
        ada, _ = await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        claim = await site.claim(eve, "ada", 5)
        for number in range(19):
            await site.membership.link(eve, on_x(f"eve_{number}", 100 + number))
        assert await site.uphold(claim, "ada", 5) is Settled.NO_ROOM
        assert await site.approve(claim) is Settled.APPROVED
        with pytest.raises(TooManyAccounts):
            await site.membership.link(eve, on_x("ada", 5, at=site.clock.now(), post=10))
        assert len(await site.x_of(ada)) == 1
        assert len(await site.publishing.list_of(ada)) == 1


class TestHandlePassesOn:
    async def test_the_old_bearer_is_looked_at_now_and_followed_unseen_by_nobody(self, site: Site) -> None:
        """Attack, or bad luck: X gives @ada to somebody else, who proves it here. The old mapping was followed
        unseen for up to 60 days, and its proof not even looked at."""
        ada, wish = await site.publish("ada", None)
        assert (await site.answer("@ada")).may_follow
        assert not (await site.newest_body()).is_contested
        site.clock.advance(days=1)
        bob = await site.sign_in("bob")
        await site.claim(bob, "ada")
        answer = await site.answer("@ada")
        assert (answer.disputed, answer.may_follow) == (True, False), "from the first moment"
        job = await site.due_x()
        assert (job.account.id, job.account.member) == (wish.x_account, ada)
        await site.publishing.say()
        assert (await site.newest_body()).is_contested, "peers are told too"
        assert not (await site.answer("@ada")).may_follow
        await site.rechecks.record_recheck(job, Held(x_account("ada_before")), site.clock.now())
        assert (await site.lookup.lookup(Query.parse("@ada"))).answers == ()
        (claim,) = await site.membership.waiting_claims(bob)
        assert claim.is_free
        linked = await site.membership.link(bob, on_x("ada", at=site.clock.now(), post=10))
        assert await site.x_of(bob) == [linked]
        assert await site.x_of(ada) == [], "what lapsed is not kept from whoever bears the name"

    async def test_a_name_that_was_proven_by_another_stays_doubtful_when_they_leave(self, site: Site) -> None:
        """Attack, or bad luck: number 7 bears @ada now, and proves it here. Number 5 cannot be looked at: the source is
        away. Number 7 leaves, with all that tells of them, and the old mapping answers for their name again."""
        ada, wish = await site.publish("ada", 5)
        bob = await site.sign_in("bob")
        await site.membership.link(bob, on_x("ada", 7, at=site.clock.now(), post=10))
        job = await site.due_x()
        assert job.account.id == wish.x_account
        is_away = Doubtful(ProofState.STALE, site.clock.now(), site.clock.now() + timedelta(days=1))
        await site.rechecks.record_recheck(job, is_away, site.clock.now())
        await site.leaving.erase(bob)
        await site.tidy()
        await site.publishing.say()
        assert (await site.newest_body()).is_contested, "peers are told too"
        answer = await site.answer("@ada")
        assert (answer.mapping.x_id, answer.may_follow) == (XId(5), False)
        await site.membership.link(ada, on_x("ada", 5, at=site.clock.now()))
        await site.publishing.say()
        assert (await site.answer("@ada")).may_follow, "its own proof was seen since"

    async def test_a_look_under_way_does_not_settle_what_came_after_it(self, site: Site) -> None:
        """It may have asked X before the name passed on."""
        await site.publish("ada", 5)
        site.clock.advance(days=60)
        job = await site.due_x()
        bob = await site.sign_in("bob")
        await site.membership.link(bob, on_x("ada", 7, at=site.clock.now(), post=10))
        assert not await site.rechecks.record_recheck(job, Held(x_account("ada", 5)), site.clock.now())
        assert (await site.due_x()).account.id == job.account.id

    async def test_a_holder_without_a_publication_is_looked_at_too(self, site: Site) -> None:
        """Else a holder who publishes nothing, and has lost the name, would block its bearer for ever."""
        ada, wish = await site.join("ada", None)
        bob = await site.sign_in("bob")
        await site.claim(bob, "ada")
        job = await site.due_x()
        assert job.account.id == wish.x_account
        await site.rechecks.record_recheck(job, Held(x_account("ada")), site.clock.now())
        (held,) = await site.x_of(ada)
        assert held.recheck_at is None, "once: nothing is published of it"

    @pytest.mark.parametrize("x_id", [None, 5])
    async def test_what_lapsed_blocks_nobody(self, site: Site, x_id: int | None) -> None:
        """Attack: a proof that was refuted long ago kept the account from whoever has it now."""
        ada, _ = await site.publish("ada", x_id)
        site.clock.advance(days=60)
        await site.rechecks.record_recheck(await site.due_x(), Lapsed(), site.clock.now())
        bob = await site.sign_in("bob")
        linked = await site.membership.link(bob, on_x("ada", x_id, at=site.clock.now()))
        assert (await site.x_of(bob), await site.x_of(ada)) == ([linked], [])
        assert await site.claims.list_open_claims(10) == []
        assert len(await site.membership.accounts(ada)) == 1

    async def test_a_lapsed_holder_keeps_no_id_from_a_recheck(self, site: Site) -> None:
        former, _ = await site.publish("former", 5)
        site.clock.advance(days=60)
        await site.rechecks.record_recheck(await site.due_x(), Lapsed(), site.clock.now())
        ada, _ = await site.publish("ada", None)
        site.clock.advance(days=60)
        seen = Held(x_account("ada", 5), (on_x("ada", 5, at=site.clock.now()).evidence,))
        await site.rechecks.record_recheck(await site.due_x(), seen, site.clock.now())
        assert x_ids(await site.membership.accounts(ada)) == [XId(5)]
        assert await site.x_of(former) == []

    async def test_a_new_name_of_the_holder_is_no_contest(self, site: Site) -> None:
        """The holder was renamed, and the new bearer of the old name proved that name alone: two accounts."""
        ada, _ = await site.publish("ada", 5)
        bob = await site.sign_in("bob")
        await site.claim(bob, "ada")
        seen = Held(x_account("countess", 5), (on_x("countess", 5, at=site.clock.now()).evidence,))
        await site.rechecks.record_recheck(await site.due_x(), seen, site.clock.now())
        await site.publishing.say()
        assert (await site.answer("5")).may_follow
        await site.membership.link(bob, on_x("ada", at=site.clock.now(), post=10))
        assert (len(await site.x_of(ada)), len(await site.x_of(bob))) == (1, 1)

    async def test_all_who_hold_it_are_contested(self, site: Site) -> None:
        """One is known by the number under a former name, the other by the name alone."""
        await site.publish("former", 5)
        await site.publish("ada", None)
        eve = await site.sign_in("eve")
        await site.claim(eve, "ada", 5)
        first, second = await site.claims.list_open_claims(10)
        assert not (await site.answer("5")).may_follow
        assert not (await site.answer("@ada")).may_follow
        assert await site.uphold(first.id, "ada", 5) is Settled.HELD_BY_ANOTHER
        assert await site.x_of(eve) == []
        assert await site.uphold(second.id, "ada", 5) is Settled.HANDED_OVER
        assert x_ids(await site.membership.accounts(eve)) == [XId(5)]
        assert (await site.lookup.lookup(Query.parse("@ada"))).answers == ()


class TestContest:
    async def test_it_lasts_until_it_is_settled(self, site: Site) -> None:
        """A re-check of the holder that holds proves nothing about the claimant."""
        ada, _ = await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        claim = await site.claim(eve, "ada", 5)
        assert await site.membership.contested_accounts(ada) == {(await site.x_of(ada))[0].id}
        assert await site.membership.contested_accounts(eve) == set()
        evidence = on_x("ada", 5, at=site.clock.now()).evidence
        await site.rechecks.record_recheck(
            await site.due_x(), Held(x_account("ada", 5), (evidence,)), site.clock.now()
        )
        await site.membership.link(ada, on_x("ada", 5, at=site.clock.now(), post=3))
        await site.publishing.say()
        assert not (await site.answer("5")).may_follow
        (publication,) = await site.publishing.list_of(ada)
        assert publication.is_contested
        assert await site.claims.reject(claim, site.clock.now()) is Settled.REJECTED
        assert not (await site.answer("5")).may_follow, "until the log has said so"
        await site.publishing.say()
        assert (await site.answer("5")).may_follow
        assert not (await site.newest_body()).is_contested
        assert await site.membership.contested_accounts(ada) == set()

    async def test_what_is_published_meanwhile_is_contested(self, site: Site) -> None:
        """Attack: whoever withdrew and published again, or changed the target, was followed unseen once more."""
        ada, wish = await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        await site.claim(eve, "ada", 5)
        await site.publishing.withdraw_all(ada)
        assert (await site.publishing.preview(ada, wish)).is_contested
        await site.publishing.publish(ada, wish)
        await site.publishing.say()
        assert not (await site.answer("5")).may_follow

    async def test_unlinking_does_not_shake_a_claim_off(self, site: Site) -> None:
        ada, wish = await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        claim = await site.claim(eve, "ada", 5)
        await site.approve(claim)
        await site.membership.unlink(ada, wish.x_account)
        x = await site.membership.link(ada, on_x("ada", 5, at=site.clock.now(), post=3))
        await site.publishing.publish(ada, Wish(x.id, wish.target_account, 1))
        await site.publishing.say()
        assert not (await site.answer("5")).may_follow
        case = await site.case(claim)
        assert (case.claim.holder, case.claim.state) == (x.id, ClaimState.OPEN), "it is to be decided anew"

    @pytest.mark.parametrize("state", [ProofState.IN_DOUBT, ProofState.STALE])
    async def test_what_is_in_doubt_is_not_followed_unseen(self, site: Site, state: ProofState) -> None:
        """Attack: the first look saw somebody else's post; until the second one, a day later, the mapping was
        followed unseen. A source that is silent contradicts nothing."""
        is_contested = state is ProofState.IN_DOUBT
        await site.publish("ada", 5)
        site.clock.advance(days=60)
        outcome = Doubtful(state, site.clock.now(), site.clock.now() + timedelta(days=1))
        await site.rechecks.record_recheck(await site.due_x(), outcome, site.clock.now())
        assert (await site.answer("5")).may_follow is not is_contested
        await site.publishing.say()
        assert (await site.newest_body()).is_contested is is_contested
        assert (await site.answer("5")).may_follow is not is_contested
        site.clock.advance(days=1)
        await site.rechecks.record_recheck(await site.due_x(), Held(x_account("ada", 5)), site.clock.now())
        await site.publishing.say()
        assert (await site.answer("5")).may_follow
        assert not (await site.newest_body()).is_contested

    async def test_a_target_in_doubt_is_not_followed_unseen(self, site: Site) -> None:
        await site.publish("ada", 5)
        site.clock.advance(days=60)
        jobs = await site.rechecks.claim_due_rechecks(site.clock.now(), 10)
        (job,) = [each for each in jobs if each.account.x is None]
        outcome = Doubtful(ProofState.IN_DOUBT, site.clock.now(), site.clock.now())
        await site.rechecks.record_recheck(job, outcome, site.clock.now())
        assert not (await site.answer("5")).may_follow

    async def test_an_account_that_moved_does_not_hide_a_contest_from_peers(self, site: Site) -> None:
        """Attack: Ada's account says that it moved, so nothing of it is published anew. The name passed on and its new
        bearer proved it: here the mapping was contested, and at every peer it was followed unseen until it expired."""
        ada, wish = await site.join("ada", 5)
        home = at_mastodon("ada", at=site.clock.now())
        linked = await site.membership.link(ada, home)
        await site.publishing.publish(ada, Wish(wish.x_account, linked.id, 1))
        await site.publishing.say()
        said = await site.newest_body()
        moved = msgspec.structs.replace(home, moved_to=Acct.parse("ada@new.example"))
        await site.membership.link(ada, moved)
        site.clock.advance(days=1)
        assert await site.publishing.say() == 0
        claim = await site.claim(await site.sign_in("bob"), "ada", 5)
        await site.publishing.say()
        contested = await site.newest_body()
        assert (contested.is_contested, contested.expires) == (True, said.expires)
        assert not (await site.answer("5")).may_follow
        await site.claims.reject(claim, site.clock.now())
        await site.publishing.say()
        assert not (await site.newest_body()).is_contested
        assert (await site.answer("5")).may_follow

    async def test_a_claimant_who_leaves_leaves_no_contest(self, site: Site) -> None:
        """Whoever claims and erases the membership would keep others from being followed for ever: the next sight of
        the holder's own proof ends that. Until then it stands, since what the claimant proved stays true."""
        ada, _ = await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        await site.claim(eve, "ada", 5)
        await site.publishing.say()
        await site.leaving.erase(eve)
        await site.tidy()
        await site.publishing.say()
        assert not (await site.answer("5")).may_follow
        await site.membership.link(ada, on_x("ada", 5, at=site.clock.now(), post=3))
        await site.publishing.say()
        assert (await site.answer("5")).may_follow

    async def test_a_claim_lapses_once_the_holder_was_seen_since(self, site: Site) -> None:
        ada, _ = await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        await site.claim(eve, "ada", 5)
        site.clock.advance(seconds=CLAIM_LIFE.total_seconds())
        await site.tidy()
        assert len(await site.claims.list_open_claims(10)) == 1, "nobody has seen the holder's proof since"
        await site.membership.link(ada, on_x("ada", 5, at=site.clock.now(), post=3))
        await site.tidy()
        assert await site.claims.list_open_claims(10) == []
        await site.publishing.say()
        assert (await site.answer("5")).may_follow


class TestStanding:
    """Against whom a claim stands while holders come, go, and are seen again."""

    async def two_claims(self, site: Site) -> tuple[UUID, UUID, UUID, UUID]:
        """Eve claims an account of two holders: one is known by the number, the other by the name."""
        former, _ = await site.publish("former", 5)
        ada, _ = await site.publish("ada", None)
        await site.claim(await site.sign_in("eve"), "ada", 5)
        by_holder = {each.holder: each.id for each in await site.claims.list_open_claims(10)}
        (of_former,), (of_ada,) = await site.x_of(former), await site.x_of(ada)
        return former, ada, by_holder[of_former.id], by_holder[of_ada.id]

    async def test_a_recheck_of_the_holder_leaves_an_approval(self, site: Site) -> None:
        """The moderators knew that the old post stands. Else each re-check sent their decision back to them."""
        await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        claim = await site.claim(eve, "ada", 5)
        await site.approve(claim)
        evidence = on_x("ada", 5, at=site.clock.now()).evidence
        await site.rechecks.record_recheck(
            await site.due_x(), Held(x_account("ada", 5), (evidence,)), site.clock.now()
        )
        assert (await site.case(claim)).claim.state is ClaimState.APPROVED
        linked = await site.membership.link(eve, on_x("ada", 5, at=site.clock.now(), post=10))
        assert await site.x_of(eve) == [linked]

    async def test_a_proof_of_one_holder_leaves_an_approval_against_another(self, site: Site) -> None:
        """Attack: a friend of the holder proves the name, and the decision against the holder is undone."""
        _, ada, against_former, against_ada = await self.two_claims(site)
        await site.approve(against_former)
        await site.approve(against_ada)
        await site.membership.link(ada, on_x("ada", at=site.clock.now(), post=3))
        assert (await site.case(against_former)).claim.state is ClaimState.APPROVED
        assert (await site.case(against_ada)).claim.state is ClaimState.OPEN

    async def test_a_holder_who_lapses_lets_go_no_claim_against_others(self, site: Site) -> None:
        """Attack: one lapsed account anywhere freed every claim, and each contested mapping was followed unseen."""
        _, ada, against_former, against_ada = await self.two_claims(site)
        jobs = await site.rechecks.claim_due_rechecks(site.clock.now(), 10)
        (job,) = [each for each in jobs if each.account.member == ada and each.account.x is not None]
        await site.rechecks.record_recheck(job, Lapsed(), site.clock.now())
        assert (await site.case(against_ada)).claim.holder is None
        assert (await site.case(against_former)).claim.holder is not None
        assert not (await site.answer("5")).may_follow

    async def test_two_claims_of_one_member_that_meet_at_one_holder_become_one(self, site: Site) -> None:
        """The moderators would decide one dispute twice; and neither must keep the holder from a new proof."""
        former, ada, against_former, against_ada = await self.two_claims(site)
        (of_former,) = await site.x_of(former)
        await site.membership.unlink(former, of_former.id)
        await site.membership.link(ada, on_x("ada", 5, at=site.clock.now(), post=3))
        (left,) = await site.claims.list_open_claims(10)
        assert left.id == against_ada
        assert await site.claims.find_case(against_former) is None
        assert x_ids(await site.membership.accounts(ada)) == [XId(5)]


class TestRejected:
    @pytest.mark.parametrize(("handle", "x_id"), [("ada", 5), ("renamed", 5), ("ada", None)])
    async def test_a_rejected_claimant_cannot_repeat_it_at_once(
        self, site: Site, handle: str, x_id: int | None
    ) -> None:
        """Attack: as often as the moderators reject it, Eve claims again, and nobody follows Ada unseen."""
        ada, _ = await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        await site.claims.reject(await site.claim(eve, "ada", 5), site.clock.now())
        await site.publishing.say()
        site.clock.advance(days=29)
        for _ in range(2):
            with pytest.raises(ClaimPaused):
                await site.membership.link(eve, on_x(handle, x_id, at=site.clock.now(), post=10))
        assert await site.claims.list_open_claims(10) == []
        assert await site.membership.contested_accounts(ada) == set()
        assert (await site.answer("5")).may_follow
        site.clock.advance(seconds=CLAIM_PAUSE.total_seconds() - 29 * 86_400)
        await site.claim(eve, handle, x_id, post=10)

    async def test_what_nobody_holds_is_not_claimed(self, site: Site) -> None:
        """The pause keeps nobody from an account that is free."""
        ada, wish = await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        await site.claims.reject(await site.claim(eve, "ada", 5), site.clock.now())
        await site.membership.unlink(ada, wish.x_account)
        await site.membership.link(eve, on_x("ada", 5, at=site.clock.now(), post=10))
        assert x_ids(await site.membership.accounts(eve)) == [XId(5)]


class TestSeveral:
    async def test_of_two_claimants_the_second_stands_against_the_first(self, site: Site) -> None:
        """Attack: the account went from the holder to one claimant, and the other's claim was about nobody."""
        ada, _ = await site.publish("ada", 5)
        eve, bob = await site.sign_in("eve"), await site.sign_in("bob")
        of_eve, of_bob = await site.claim(eve, "ada", 5), await site.claim(bob, "ada", 5)
        assert await site.approve(of_bob) is Settled.APPROVED
        assert await site.uphold(of_eve, "ada", 5, names="eve") is Settled.HANDED_OVER
        (x,) = await site.x_of(eve)
        case = await site.case(of_bob)
        assert (case.holder, case.claim.state) == (x, ClaimState.OPEN), "decided against Ada, not against Eve"
        target = next(each for each in await site.membership.accounts(eve) if each.target is not None)
        await site.publishing.publish(eve, Wish(x.id, target.id, 1))
        await site.publishing.say()
        assert not (await site.answer("5")).may_follow
        await site.claim(bob, "ada", 5, post=10)
        assert (await site.x_of(bob), await site.x_of(ada)) == ([], [])

    async def test_handing_over_while_everybody_moves(self, site: Site) -> None:
        """A decision races with a new proof of the holder, one of the claimant, unlinking and erasure: no deadlock,
        never two holders, and nothing of a former holder answers."""
        for number in range(ROUNDS):
            handle, x_id = f"ada{ascii_lowercase[number]}", 500 + number
            ada, wish = await site.publish(handle, x_id)
            eve = await site.sign_in(f"eve{ascii_lowercase[number]}")
            case = await site.case(await site.claim(eve, handle, x_id))
            seen = on_x(handle, x_id, at=site.clock.now(), post=9)
            moves: list[Awaitable[object]] = [
                site.claims.uphold(case, seen, site.clock.now()),
                site.membership.link(ada, on_x(handle, x_id, at=site.clock.now(), post=3)),
                site.membership.link(eve, on_x(handle, x_id, at=site.clock.now(), post=10)),
                site.claims.reject(case.claim.id, site.clock.now()),
            ]
            if number % 3 == 1:
                moves.append(site.membership.unlink(ada, wish.x_account))
            if number % 3 == 2:
                moves.append(site.leaving.erase(eve if number % 2 else ada))
            for result in await asyncio.gather(*moves, return_exceptions=True):
                assert not isinstance(result, BaseException) or isinstance(result, MemberError), result
            await site.tidy()
            await site.publishing.say()
            holders = [each for member in (ada, eve) for each in await site.x_of(member)]
            assert len(holders) <= 1
            for answer in (await site.lookup.lookup(Query.parse(str(x_id)))).answers:
                assert [each.member for each in holders] == [ada], answer
