"""What a claim stands on: its looks, its evidence, whose approval it is, and what a rejection or an end of it stops."""

from datetime import timedelta

import pytest

from directory.accounts import LinkedAccount
from directory.identifiers import XId
from directory.mappings import EvidenceKind
from directory.members.claims import Claim, ClaimState, Settled, is_confirmed
from directory.members.errors import ClaimPaused
from directory.members.rechecks import Held, Lapsed
from directory.networks.backoff import Failure
from directory.store.account_hosts import X_STAND_IN
from directory.store.claims import ClaimJob
from directory.store.host_backoff import HostBackoffStore
from tests.directory.members.contests import Site
from tests.directory.members.people import on_x, x_account, x_ids


async def approved_look(site: Site) -> ClaimJob:
    """Eve's claim to Ada's account is approved, and its evidence is due to be looked at."""
    await site.publish("ada", 5)
    claim = await site.claim(await site.sign_in("eve"), "ada", 5)
    await site.claims.approve(await site.case(claim), site.clock.now(), site.clock.now())
    (job,) = await site.claims.claim_due_looks(site.clock.now(), 10)
    return job


async def all_claims(site: Site, *members: str) -> list[Claim]:
    """Reads all claims of the members, those too that have ended."""
    kept = [await site.leaving._exports.read_member(await site.sign_in(name)) for name in members]
    return [claim for each in kept for claim in each.claims]


class TestLooks:
    async def test_evidence_that_cannot_be_seen_is_looked_at_no_more(self, site: Site) -> None:
        """Else each look was followed by another one, for the month that the approval lasts; and the claim stays, for
        the claimant's next proof."""
        job = await approved_look(site)
        await site.claims.stop_looking(job)
        await site.claims.release_look(job, site.clock.now())
        site.clock.advance(days=2)
        assert await site.claims.claim_due_looks(site.clock.now(), 10) == []
        assert (await site.case(job.case.claim.id)).claim.state is ClaimState.APPROVED

    async def test_looks_wait_while_x_is_left_alone(self, site: Site) -> None:
        """X told us to come back later: a look in that time keeps it angry, for all other jobs too."""
        job = await approved_look(site)
        await site.claims.release_look(job, site.clock.now())
        assert await site.claims.claim_due_looks(site.clock.now(), 10, busy=[X_STAND_IN]) == []
        backoffs = HostBackoffStore(site.database)
        await backoffs.record_contacts({X_STAND_IN: Failure()}, [], site.clock.now())
        assert await site.claims.claim_due_looks(site.clock.now(), 10) == []
        await backoffs.record_contacts({}, [X_STAND_IN], site.clock.now())
        (again,) = await site.claims.claim_due_looks(site.clock.now(), 10)
        assert (again.hosts, again.attempt, again.case) == ((X_STAND_IN,), job.attempt, job.case)

    async def test_a_look_does_not_count_once_the_holder_was_seen(self, site: Site) -> None:
        """While X is asked about Eve's post, a re-check sees Ada's own: the next look is about what is so now."""
        job = await approved_look(site)
        due = await site.due_x()
        site.clock.advance(minutes=1)
        evidence = on_x("ada", 5, at=site.clock.now()).evidence
        await site.rechecks.record_recheck(due, Held(x_account("ada", 5), (evidence,)), site.clock.now())
        seen = on_x("ada", 5, at=site.clock.now(), post=9)
        assert await site.claims.carry_out(job, seen, site.clock.now()) is Settled.CHANGED
        assert await site.x_of(job.case.claim.member) == []
        site.clock.advance(minutes=5)
        (again,) = await site.claims.claim_due_looks(site.clock.now(), 10)
        assert await site.claims.carry_out(again, seen, site.clock.now()) is Settled.HANDED_OVER

    async def test_a_worker_takes_as_many_looks_as_it_has_room_for(self, site: Site) -> None:
        """The others would be leased to it, and wait."""
        await site.publish("ada", 5)
        await site.publish("bob", 6)
        for handle, x_id in (("ada", 5), ("bob", 6)):
            claim = await site.claim(await site.sign_in(f"eve-{handle}"), handle, x_id)
            await site.claims.approve(await site.case(claim), site.clock.now(), site.clock.now())
        (first,) = await site.claims.claim_due_looks(site.clock.now(), 1)
        (second,) = await site.claims.claim_due_looks(site.clock.now(), 1)
        assert first.case.claim.id != second.case.claim.id

    async def test_a_look_is_another_workers_once_its_lease_ended(self, site: Site) -> None:
        """A process that was killed must not keep a claim from being decided; and a living one has five minutes."""
        job = await approved_look(site)
        site.clock.advance(seconds=299)
        assert await site.claims.claim_due_looks(site.clock.now(), 10) == []
        site.clock.advance(seconds=1)
        (again,) = await site.claims.claim_due_looks(site.clock.now(), 10)
        assert again.attempt == job.attempt + 1

    async def test_a_new_approval_looks_as_often_as_the_first(self, site: Site) -> None:
        """The attempts of a former approval would put its looks off for a day each."""
        job = await approved_look(site)
        assert job.attempt == 1
        assert job.case.holder is not None
        ada = job.case.holder.member
        await site.membership.link(ada, on_x("ada", 5, at=site.clock.now(), post=3))
        case = await site.case(job.case.claim.id)
        assert case.claim.state is ClaimState.OPEN
        await site.claims.approve(case, site.clock.now(), site.clock.now())
        (again,) = await site.claims.claim_due_looks(site.clock.now(), 10)
        assert again.attempt == 1


class TestLists:
    async def test_moderators_see_the_oldest_claims_first_and_so_many(self, site: Site) -> None:
        """Attack: a thousand claims in an hour, and the page of the moderators never loads."""
        claims = []
        for name, x_id in (("ada", 5), ("bob", 6), ("cyd", 7)):
            await site.publish(name, x_id)
            site.clock.advance(minutes=1)
            claims.append(await site.claim(await site.sign_in("eve"), name, x_id))
        assert [each.id for each in await site.claims.list_open_claims(2)] == claims[:2]
        assert [each.id for each in await site.membership.waiting_claims(await site.sign_in("eve"))] == claims

    async def test_a_member_sees_the_claims_of_nobody_else(self, site: Site) -> None:
        ada, _ = await site.publish("ada", 5)
        bob, _ = await site.publish("bob", 6)
        eve = await site.sign_in("eve")
        claim = await site.claim(eve, "ada", 5)
        assert await site.membership.waiting_claims(bob) == []
        assert await site.membership.contested_accounts(bob) == set()
        assert len(await site.membership.contested_accounts(ada)) == 1
        await site.claims.reject(claim, site.clock.now())
        assert await site.membership.waiting_claims(eve) == []
        assert await site.claims.find_case(claim) is None

    async def test_what_was_decided_is_kept_with_its_time(self, site: Site) -> None:
        """The export tells each claimant what became of their claim, and when; another's claim is as it was."""
        await site.publish("ada", 5)
        of_eve = await site.claim(await site.sign_in("eve"), "ada", 5)
        await site.claim(await site.sign_in("bob"), "ada", 5)
        site.clock.advance(minutes=1)
        await site.claims.reject(of_eve, site.clock.now())
        rejected, waits = await all_claims(site, "eve", "bob")
        assert (rejected.state, rejected.decided_at, rejected.settled_at) == (
            ClaimState.REJECTED,
            site.clock.now(),
            site.clock.now(),
        )
        assert (waits.state, waits.decided_at, waits.settled_at) == (ClaimState.OPEN, None, None)


class TestApproval:
    async def test_it_is_the_claimants_alone(self, site: Site) -> None:
        """Attack: the moderators approve Bob's claim, and Eve, who claims the same account, takes it."""
        ada, _ = await site.publish("ada", 5)
        eve, bob = await site.sign_in("eve"), await site.sign_in("bob")
        await site.claim(eve, "ada", 5)
        await site.approve(await site.claim(bob, "ada", 5))
        await site.claim(eve, "ada", 5, post=10)
        assert (len(await site.x_of(ada)), await site.x_of(eve)) == (1, [])

    async def test_it_is_about_the_one_account(self, site: Site) -> None:
        """Attack: Eve's claim to @ada is approved; with it she takes @bob, which she has claimed too."""
        await site.publish("ada", 5)
        bob, _ = await site.publish("bob", 6)
        eve = await site.sign_in("eve")
        await site.approve(await site.claim(eve, "ada", 5))
        await site.claim(eve, "bob", 6)
        await site.claim(eve, "bob", 6, post=10)
        assert len(await site.x_of(bob)) == 1

    async def test_another_holder_whom_the_moderators_left_it_with_keeps_it(self, site: Site) -> None:
        """Two hold what Eve claims. The moderators rejected her claim against one of them: what they decide against
        the other one hands nothing over while the first holds it."""
        former, _ = await site.publish("former", 5)
        ada, _ = await site.publish("ada", None)
        eve = await site.sign_in("eve")
        await site.claim(eve, "ada", 5)
        by_holder = {each.holder: each.id for each in await site.claims.list_open_claims(10)}
        (of_former,), (of_ada,) = await site.x_of(former), await site.x_of(ada)
        await site.claims.reject(by_holder[of_ada.id], site.clock.now())
        assert await site.uphold(by_holder[of_former.id], "ada", 5) is Settled.HELD_BY_ANOTHER
        assert (len(await site.x_of(former)), len(await site.x_of(ada))) == (1, 1)
        assert (await site.case(by_holder[of_former.id])).claim.state is ClaimState.APPROVED

    async def test_it_outlives_the_loss_of_room(self, site: Site) -> None:
        """The claimant has no room when the post is seen: nothing is handed over, and the look is made again."""
        job = await approved_look(site)
        eve = job.case.claim.member
        for number in range(19):
            await site.membership.link(eve, on_x(f"eve_{number}", 100 + number))
        seen = on_x("ada", 5, at=site.clock.now(), post=9)
        assert await site.claims.carry_out(job, seen, site.clock.now()) is Settled.NO_ROOM
        assert (await site.case(job.case.claim.id)).claim == job.case.claim

    async def test_a_post_that_was_seen_again_takes_the_doubt_back(self, site: Site) -> None:
        """Fault: a source said once that the post was gone. A day later it was seen, and Eve had no room. Where a source said
        so once more, weeks later, her claim ended on that one look."""
        job = await approved_look(site)
        first = site.clock.now()
        assert await site.claims.doubt(job.case, first, first, job.lease) is Settled.DOUBTED
        site.clock.advance(days=1)
        eve = job.case.claim.member
        for number in range(19):
            await site.membership.link(eve, on_x(f"eve_{number}", 100 + number))
        (again,) = await site.claims.claim_due_looks(site.clock.now(), 10)
        assert is_confirmed(again.case.claim, site.clock.now())
        seen = on_x("ada", 5, at=site.clock.now(), post=9)
        assert await site.claims.carry_out(again, seen, site.clock.now()) is Settled.NO_ROOM
        assert not is_confirmed((await site.case(again.case.claim.id)).claim, site.clock.now())


class TestAgain:
    async def test_a_claim_that_is_repeated_has_its_newest_evidence(self, site: Site) -> None:
        """The post of the first claim is deleted: a decision on it would end the claim, in spite of the new proof."""
        await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        first = await site.claim(eve, "ADA", 5)
        site.clock.advance(days=1)
        assert await site.claim(eve, "Ada", 5, post=10) == first
        claim = (await site.case(first)).claim
        assert (str(claim.account.handle), claim.evidence[0].ref) == ("Ada", "https://x.com/i/status/10")
        assert (claim.proven_at, claim.claimed_at) == (site.clock.now(), site.clock.now() - timedelta(days=1))

    async def test_a_claim_of_the_name_learns_the_number(self, site: Site) -> None:
        """Else the account would be handed over as a name alone, which passes on."""
        await site.publish("ada", None)
        eve = await site.sign_in("eve")
        first = await site.claim(eve, "ada")
        assert (await site.case(first)).claim.account.id is None
        assert await site.claim(eve, "ada", 5) == first
        claim = (await site.case(first)).claim
        assert (claim.account.id, claim.evidence[0].kind) == (XId(5), EvidenceKind.X_POST_ID)

    async def test_what_lapsed_can_be_claimed_anew(self, site: Site) -> None:
        """A deleted post ends a claim, not the dispute: there was no decision."""
        await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        first = await site.case(await site.claim(eve, "ada", 5))
        site.clock.advance(hours=1)
        assert await site.claims.lapse(first, site.clock.now()) is Settled.LAPSED
        (ended,) = await all_claims(site, "eve")
        assert (ended.state, ended.settled_at) == (ClaimState.LAPSED, site.clock.now())
        assert await site.claim(eve, "ada", 5, post=10) != first.claim.id

    async def test_a_claim_that_ends_by_itself_lifts_no_doubt(self, site: Site) -> None:
        """Attack: Eve claims what she sold, and her post goes: the old mapping was followed unseen again, though the
        account's own proof was not seen since. Only the moderators, or a look, end that."""
        ada, _ = await site.publish("ada", 5)
        case = await site.case(await site.claim(await site.sign_in("eve"), "ada", 5))
        await site.claims.lapse(case, site.clock.now())
        await site.publishing.say()
        (held,) = await site.x_of(ada)
        assert held.has_rival
        assert not (await site.answer("5")).may_follow


class TestPause:
    async def test_it_is_the_rejected_members_alone(self, site: Site) -> None:
        """Attack: Eve claims the name first, and is rejected on purpose: its bearer could not claim it for a month."""
        await site.publish("ada", 5)
        await site.claims.reject(await site.claim(await site.sign_in("eve"), "ada", 5), site.clock.now())
        await site.claim(await site.sign_in("bob"), "ada", 5)

    async def test_it_is_about_the_one_account(self, site: Site) -> None:
        await site.publish("ada", 5)
        await site.publish("bob", 6)
        await site.publish("cyd", 7)
        eve = await site.sign_in("eve")
        for handle, x_id in (("ada", 5), ("bob", 6)):
            await site.claims.reject(await site.claim(eve, handle, x_id), site.clock.now())
        await site.claim(eve, "cyd", 7)
        with pytest.raises(ClaimPaused):
            await site.membership.link(eve, on_x("ada", 5, at=site.clock.now(), post=10))

    async def test_it_stores_nothing(self, site: Site) -> None:
        """What was rejected is neither open again nor a doubt about the holder."""
        ada, _ = await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        await site.claims.reject(await site.claim(eve, "ada", 5), site.clock.now())
        with pytest.raises(ClaimPaused):
            await site.membership.link(eve, on_x("ada", 5, at=site.clock.now(), post=10))
        (held,) = await site.x_of(ada)
        assert not held.has_rival


class TestHolders:
    async def lapse(self, site: Site, holder: LinkedAccount) -> None:
        jobs = await site.rechecks.claim_due_rechecks(site.clock.now(), 10)
        (job,) = [each for each in jobs if each.account.id == holder.id]
        await site.rechecks.record_recheck(job, Lapsed(), site.clock.now())

    async def test_nobody_claims_from_a_holder_whose_proof_lapsed(self, site: Site) -> None:
        """It would be a second case about one dispute, against somebody who holds nothing."""
        former, _ = await site.publish("former", 5)
        site.clock.advance(days=60)
        (of_former,) = await site.x_of(former)
        await self.lapse(site, of_former)
        ada, _ = await site.publish("ada", None)
        await site.claim(await site.sign_in("eve"), "ada", 5)
        (claim,) = await site.claims.list_open_claims(10)
        assert claim.holder == (await site.x_of(ada))[0].id

    async def test_of_two_accounts_of_a_member_the_one_with_the_number_is_renewed(self, site: Site) -> None:
        """The other one was linked before its number was known. Renewed instead, it could not have the number, which
        stands at the first: each new proof was an error."""
        ada = await site.sign_in("ada")
        by_name = await site.membership.link(ada, on_x("ada", at=site.clock.now()))
        site.clock.advance(minutes=1)
        by_number = await site.membership.link(ada, on_x("former", 5, at=site.clock.now(), post=2))
        site.clock.advance(minutes=1)
        renewed = await site.membership.link(ada, on_x("ada", 5, at=site.clock.now(), post=3))
        assert (renewed.id, str(renewed.handle)) == (by_number.id, "ada")
        held = await site.x_of(ada)
        assert {each.id for each in held} == {by_name.id, by_number.id}
        assert not any(each.has_rival for each in held), "nobody is their own rival"

    async def test_what_is_settled_keeps_whom_it_was_against(self, site: Site) -> None:
        """When a proof lapses, nothing waits against it any more; what was decided before is told as it was."""
        ada, _ = await site.publish("ada", 5)
        site.clock.advance(days=60)
        (held,) = await site.x_of(ada)
        await site.claims.reject(await site.claim(await site.sign_in("eve"), "ada", 5), site.clock.now())
        await site.claim(await site.sign_in("bob"), "ada", 5)
        await self.lapse(site, held)
        of_eve, of_bob = await all_claims(site, "eve", "bob")
        assert (of_eve.holder, of_bob.holder) == (held.id, None)
        assert x_ids([held]) == [XId(5)]

    async def test_what_is_settled_is_not_opened_by_the_next_holder(self, site: Site) -> None:
        """Attack: Eve's claim was rejected, and Ada leaves. Whoever proves the account next would find it contested;
        and Eve, who proves it when it is free, would read that she had been right at first."""
        ada, _ = await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        await site.claims.reject(await site.claim(eve, "ada", 5), site.clock.now())
        await site.leaving.erase(ada)
        bob = await site.sign_in("bob")
        linked = await site.membership.link(bob, on_x("ada", 5, at=site.clock.now(), post=10))
        assert await site.claims.list_open_claims(10) == []
        assert await site.membership.contested_accounts(bob) == set()
        await site.membership.unlink(bob, linked.id)
        await site.membership.link(eve, on_x("ada", 5, at=site.clock.now(), post=9))
        (claim,) = await all_claims(site, "eve")
        assert claim.state is ClaimState.REJECTED

    @pytest.mark.parametrize(
        ("claimed", "x_id", "proven"), [("ada", 5, "countess"), ("ADA", None, "Ada"), ("ada", 5, "ada")]
    )
    async def test_a_claim_finds_the_next_holder(
        self, site: Site, claimed: str, x_id: int | None, proven: str
    ) -> None:
        """Attack: the holder leaves, and a friend links the account under a new name, or as a number alone: nothing
        stood against it, and it was followed unseen."""
        ada, _ = await site.publish("ada", x_id)
        claim = await site.claim(await site.sign_in("eve"), claimed, x_id)
        await site.leaving.erase(ada)
        bob = await site.sign_in("bob")
        linked = await site.membership.link(bob, on_x(proven, 5, at=site.clock.now(), post=3))
        assert (await site.case(claim)).claim.holder == linked.id

    async def test_a_claim_does_not_stand_against_another_account_of_the_name(self, site: Site) -> None:
        """The name passed on: number 5 bears it now. Who claimed number 7 has nothing against it, and the same member
        who links number 5 has not got number 7 by that."""
        ada, _ = await site.publish("ada", 7)
        eve = await site.sign_in("eve")
        claim = await site.claim(eve, "ada", 7)
        await site.leaving.erase(ada)
        bob = await site.sign_in("bob")
        await site.membership.link(bob, on_x("ada", 5, at=site.clock.now(), post=3))
        assert (await site.case(claim)).claim.is_free
        assert await site.membership.contested_accounts(bob) == set()
        await site.membership.link(eve, on_x("ada", 8, at=site.clock.now(), post=4))
        assert (await site.case(claim)).claim.is_free

    async def test_a_claim_to_a_number_outlasts_its_members_proof_of_the_name(self, site: Site) -> None:
        """Attack: Ada leaves, and a name passes on. Eve, who claimed number 5, proves the name alone, and her claim
        counted as upheld: whoever links number 5 next had nothing against them, and was followed unseen."""
        ada, _ = await site.publish("ada", 5)
        eve = await site.sign_in("eve")
        claim = await site.claim(eve, "ada", 5)
        await site.leaving.erase(ada)
        by_name = await site.membership.link(eve, on_x("ada", at=site.clock.now(), post=10))
        assert (await site.case(claim)).claim.state is ClaimState.OPEN
        bob = await site.sign_in("bob")
        by_number = await site.membership.link(bob, on_x("countess", 5, at=site.clock.now(), post=3))
        assert (await site.case(claim)).claim.holder == by_number.id
        assert await site.x_of(eve) == [by_name]

    async def test_a_claim_against_another_account_of_the_name_stays(self, site: Site) -> None:
        """Attack: a friend links another account under the same name, and nobody stands against the holder any more."""
        ada, _ = await site.publish("ada", 7)
        claim = await site.claim(await site.sign_in("eve"), "ada", 7)
        await site.membership.link(await site.sign_in("bob"), on_x("ada", 5, at=site.clock.now(), post=3))
        (held,) = await site.x_of(ada)
        assert (await site.case(claim)).claim.holder == held.id

    async def test_of_two_claims_that_meet_the_one_that_ends_tells_when(self, site: Site) -> None:
        """Without its time it would count as one that waits: the export shows it as open for ever."""
        former, wish = await site.publish("former", 5)
        ada, _ = await site.publish("ada", None)
        await site.claim(await site.sign_in("eve"), "ada", 5)
        await site.membership.unlink(former, wish.x_account)
        site.clock.advance(minutes=1)
        await site.membership.link(ada, on_x("ada", 5, at=site.clock.now(), post=3))
        ended = {each.state: each.settled_at for each in await all_claims(site, "eve")}
        assert ended == {ClaimState.OPEN: None, ClaimState.LAPSED: site.clock.now()}
