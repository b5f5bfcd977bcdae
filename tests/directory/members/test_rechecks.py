"""Re-checks of what is published, every 60 days: an unreachable source makes a proof stale, only a confirmed doubt
withdraws."""

import asyncio
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import pytest

from directory.accounts import LinkedAccount, ProofState, ProvenAccount
from directory.identifiers import XId
from directory.mappings import Evidence, EvidenceKind, Strength
from directory.members.errors import NotNamed, ProofLapsed
from directory.members.publications import VALIDITY, PublicationState, Wish
from directory.members.rechecks import (
    RECHECK_EVERY,
    RECHECK_SPREAD,
    Doubtful,
    Held,
    Lapsed,
    Moved,
    Unlinked,
    XSeen,
    judge_target,
    judge_x,
)
from directory.proofs.reasons import RefutedReason, UnreachableReason
from directory.proofs.results import CheckResult, Refuted, Unreachable
from directory.queries import Query
from directory.services.leaving import Leaving
from directory.services.lookup import Lookup
from directory.services.membership import Membership
from directory.store.claims import ClaimStore
from directory.store.rechecks import RecheckJob, RecheckStore
from tests.directory.members.conftest import Join
from tests.directory.members.logged import LoggedPublishing
from tests.directory.members.people import (
    at_bluesky,
    at_mastodon,
    bluesky,
    mastodon,
    names_of,
    on_x,
    x_account,
    x_ids,
)
from tests.directory.members.test_publishing import answers
from tests.harness.clock import FakeClock

SILENT = Unreachable(UnreachableReason.NO_ANSWER)


class Site(NamedTuple):
    """The services of these tests."""

    membership: Membership
    publishing: LoggedPublishing
    rechecks: RecheckStore
    lookup: Lookup


@pytest.fixture
def site(
    membership: Membership, publishing: LoggedPublishing, rechecks: RecheckStore, lookup: Lookup
) -> Site:
    return Site(membership, publishing, rechecks, lookup)


@pytest.fixture
async def published(publishing: LoggedPublishing, join: Join) -> tuple[UUID, Wish]:
    """A member with an active mapping."""
    member, wish = await join("ada", 5)
    await publishing.publish(member, wish)
    await publishing.say()
    return member, wish


def seen_all(account: LinkedAccount, result: CheckResult) -> list[XSeen]:
    """The same result for all evidence of an X account."""
    return [XSeen(piece, result) for piece in account.evidence]


def seen_again(name: str, x_id: int | None, clock: FakeClock) -> Held:
    """A re-check that sees the post of an X account as before."""
    return Held(x_account(name, x_id), (on_x(name, x_id, at=clock.now()).evidence,))


async def due(rechecks: RecheckStore, clock: FakeClock) -> dict[str, RecheckJob]:
    """Claims the re-checks that are due 60 days later, by network."""
    clock.advance(days=60)
    return {job.account.network: job for job in await rechecks.claim_due_rechecks(clock.now(), 10)}


async def find(membership: Membership, member: UUID, account: UUID) -> LinkedAccount:
    return next(each for each in await membership.accounts(member) if each.id == account)


async def test_only_what_is_published_is_looked_at(
    publishing: LoggedPublishing, rechecks: RecheckStore, join: Join, clock: FakeClock
) -> None:
    member, wish = await join("ada", 5)
    clock.advance(days=100)
    assert await rechecks.claim_due_rechecks(clock.now(), 10) == []
    published = await publishing.publish(member, wish)
    jobs = await rechecks.claim_due_rechecks(clock.now(), 10)
    assert {job.account.id for job in jobs} == {wish.x_account, wish.target_account}
    await publishing.withdraw(member, published.id)
    clock.advance(days=100)
    assert await rechecks.claim_due_rechecks(clock.now(), 10) == []


async def test_it_is_due_after_sixty_days_or_a_little_before(
    published: tuple[UUID, Wish], rechecks: RecheckStore, clock: FakeClock
) -> None:
    clock.advance(seconds=(RECHECK_EVERY - RECHECK_SPREAD).total_seconds() - 1)
    assert await rechecks.claim_due_rechecks(clock.now(), 10) == []
    clock.advance(seconds=RECHECK_SPREAD.total_seconds() + 1)
    claimed = await asyncio.gather(*(rechecks.claim_due_rechecks(clock.now(), 10) for _ in range(3)))
    assert len([job for jobs in claimed for job in jobs]) == 2
    clock.advance(minutes=10)
    assert [job.attempt for job in await rechecks.claim_due_rechecks(clock.now(), 10)] == [2, 2]


async def test_a_proof_that_holds_prolongs_the_mapping(
    published: tuple[UUID, Wish],
    publishing: LoggedPublishing,
    rechecks: RecheckStore,
    lookup: Lookup,
    clock: FakeClock,
) -> None:
    jobs = await due(rechecks, clock)
    assert await rechecks.record_recheck(jobs["x"], seen_again("ada", 5, clock), clock.now())
    assert await publishing.say() == 0, "the other proof is as old as before"
    assert await rechecks.record_recheck(jobs["bluesky"], Held(bluesky("ada")), clock.now())
    assert await publishing.say() == 1
    (publication,) = await publishing.list_of(published[0])
    assert publication.expires == clock.now() + VALIDITY
    assert await answers(lookup, "5") == ["ada.bsky.example"]
    assert not await rechecks.record_recheck(jobs["x"], Lapsed(), clock.now()), "a late result counts no more"


async def test_a_changed_handle_is_said_anew(
    published: tuple[UUID, Wish], site: Site, clock: FakeClock
) -> None:
    jobs = await due(site.rechecks, clock)
    evidence = on_x("ada", 5, at=clock.now()).evidence
    await site.rechecks.record_recheck(jobs["x"], Held(x_account("Countess", 5), (evidence,)), clock.now())
    await site.rechecks.record_recheck(jobs["bluesky"], Held(bluesky("ada", "ada.example")), clock.now())
    await site.publishing.say()
    assert await answers(site.lookup, "5") == ["ada.example"]
    assert await answers(site.lookup, "@ada") == [], "somebody else may bear it tomorrow"
    assert await answers(site.lookup, "@countess") == ["ada.example"]
    x = await find(site.membership, published[0], published[1].x_account)
    assert x.evidence == (evidence,)


async def test_an_x_account_known_by_its_handle_alone_does_not_survive_a_new_one(
    site: Site, join: Join, clock: FakeClock
) -> None:
    member, wish = await join("ada", None)
    await site.publishing.publish(member, wish)
    await site.publishing.say()
    jobs = await due(site.rechecks, clock)
    await site.rechecks.record_recheck(jobs["x"], Held(x_account("countess")), clock.now())
    assert await answers(site.lookup, "@ada") == []
    assert (await find(site.membership, member, wish.x_account)).is_lapsed


async def test_silence_makes_stale_and_the_mapping_runs_out(
    published: tuple[UUID, Wish], site: Site, clock: FakeClock
) -> None:
    """A proof that cannot be reached is stale, never refuted."""
    await due(site.rechecks, clock)
    began = clock.now()
    while clock.now() < began + timedelta(days=119):
        clock.advance(days=8)
        for job in await site.rechecks.claim_due_rechecks(clock.now(), 10):
            outcome = (
                judge_x(job.account, seen_all(job.account, SILENT), job.attempt, clock.now())
                if job.account.network == "x"
                else judge_target(job.account, SILENT, job.attempt, clock.now())
            )
            assert await site.rechecks.record_recheck(job, outcome, clock.now())
        publications = await site.publishing.list_of(published[0])
        assert publications[0].is_stale
        if clock.now() < publications[0].expires:
            assert await answers(site.lookup, "5") == ["ada.bsky.example"]
    x = await find(site.membership, published[0], published[1].x_account)
    assert (x.health, x.health_since) == (ProofState.STALE, began + timedelta(days=8))
    assert await answers(site.lookup, "5") == []
    assert publications[0].state(clock.now()) is PublicationState.EXPIRED


async def test_a_doubt_has_to_be_confirmed(
    published: tuple[UUID, Wish], site: Site, clock: FakeClock
) -> None:
    member, wish = published
    job = (await due(site.rechecks, clock))["x"]
    refuted = Refuted(RefutedReason.NO_SENTENCE)
    await site.rechecks.record_recheck(
        job, judge_x(job.account, seen_all(job.account, refuted), job.attempt, clock.now()), clock.now()
    )
    assert (await find(site.membership, member, wish.x_account)).health is ProofState.IN_DOUBT
    assert await answers(site.lookup, "5") == ["ada.bsky.example"]
    clock.advance(days=1)
    (job,) = [
        each
        for each in await site.rechecks.claim_due_rechecks(clock.now(), 10)
        if each.account.network == "x"
    ]
    await site.rechecks.record_recheck(
        job, judge_x(job.account, seen_all(job.account, refuted), job.attempt, clock.now()), clock.now()
    )
    assert await answers(site.lookup, "5") == []
    assert await site.publishing.list_of(member) == []
    with pytest.raises(ProofLapsed):
        await site.publishing.publish(member, wish)
    clock.advance(days=365)
    assert await site.rechecks.claim_due_rechecks(clock.now(), 10) == []
    again = await site.membership.link(member, on_x("ada", 5, at=clock.now(), post=2))
    assert (again.health, len(again.evidence)) == (ProofState.HOLDS, 1)


async def test_what_we_cannot_look_at_ourselves_runs_out(
    membership: Membership, publishing: LoggedPublishing, rechecks: RecheckStore, clock: FakeClock
) -> None:
    signed_in = await membership.sign_in(at_bluesky("ada"))
    evidence = Evidence(EvidenceKind.X_CONFIRMED, clock.now(), names=names_of(bluesky("ada")))
    proven = ProvenAccount(x_account("ada"), evidence)
    x = await membership.link(signed_in.member, proven)
    await publishing.publish(signed_in.member, Wish(x.id, signed_in.account.id, 1))
    jobs = await due(rechecks, clock)
    assert set(jobs) == {"bluesky"}


async def test_a_move_carries_nothing_to_an_account_that_no_proof_names(
    site: Site, join: Join, clock: FakeClock
) -> None:
    """Mallory buys the dead domain of the old server, answers for its accounts, and says that they moved to hers:
    the followers went there unseen. What moved is withdrawn, and its member proves the new account."""
    member, wish = await join("ada", 5)
    home = await site.membership.link(member, at_mastodon("ada"))
    await site.publishing.publish(member, Wish(wish.x_account, home.id, 1))
    await site.publishing.say()
    for new in (mastodon("ada", host="new.example"), mastodon("new")):
        job = (await due(site.rechecks, clock))["mastodon"]
        outcome = judge_target(job.account, Moved(new), job.attempt, clock.now())
        assert await site.rechecks.record_recheck(job, outcome, clock.now())
        await site.publishing.say()
        assert not {"ada@new.example", "new@social.example"} & set(await answers(site.lookup, "5"))
    assert await site.publishing.list_of(member) == []
    account = await find(site.membership, member, home.id)
    assert (account.account, account.health, account.recheck_at) == (
        mastodon("ada"),
        ProofState.HOLDS,
        None,
    )
    new_home = await site.membership.link(member, at_mastodon("new"))
    with pytest.raises(NotNamed):
        await site.publishing.publish(member, Wish(wish.x_account, new_home.id, 1))


async def test_erasing_during_a_recheck(
    published: tuple[UUID, Wish], rechecks: RecheckStore, leaving: Leaving, lookup: Lookup, clock: FakeClock
) -> None:
    jobs = await due(rechecks, clock)
    await leaving.erase(published[0])
    for outcome in (
        seen_again("ada", 5, clock),
        Lapsed(),
        Doubtful(ProofState.STALE, clock.now(), clock.now()),
    ):
        assert not await rechecks.record_recheck(jobs["x"], outcome, clock.now())
    assert await answers(lookup, "5") == []


async def test_withdrawing_during_a_recheck(
    published: tuple[UUID, Wish],
    publishing: LoggedPublishing,
    rechecks: RecheckStore,
    lookup: Lookup,
    clock: FakeClock,
) -> None:
    jobs = await due(rechecks, clock)
    await publishing.withdraw_all(published[0])
    assert not await rechecks.record_recheck(jobs["x"], Held(x_account("renamed", 5)), clock.now())
    await publishing.say()
    assert await answers(lookup, "5") == []


async def test_an_id_that_is_told_later_is_taken_over(site: Site, join: Join, clock: FakeClock) -> None:
    """At first the one source that tells ids was away. The mapping then holds for the id too, and can be renewed."""
    member, wish = await join("ada", None)
    await site.publishing.publish(member, wish)
    await site.publishing.say()
    jobs = await due(site.rechecks, clock)
    await site.rechecks.record_recheck(jobs["bluesky"], Held(bluesky("ada")), clock.now())
    seen = Held(x_account("ada", 5), (on_x("ada", 5, at=clock.now()).evidence,))
    assert await site.rechecks.record_recheck(jobs["x"], seen, clock.now())
    await site.publishing.say()
    assert (await find(site.membership, member, wish.x_account)).account == x_account("ada", 5)
    assert await answers(site.lookup, "5") == ["ada.bsky.example"]
    assert await answers(site.lookup, "@ada") == ["ada.bsky.example"]
    (publication,) = await site.publishing.list_of(member)
    assert (publication.strength, publication.expires) == (Strength.BOUND, clock.now() + VALIDITY)


async def test_an_id_that_another_member_holds_is_not_taken_over(
    site: Site, join: Join, claims: ClaimStore, clock: FakeClock
) -> None:
    """The X account was proven here under its former name, by somebody else: the moderators decide.

    Attack: Eve had the account for an hour, and no source told the id of her post. Once one did, its holder was
    contested, and Eve's own mapping was followed unseen by name: also after the moderators had rejected her claim."""
    holder = (await site.membership.sign_in(at_mastodon("holder"))).member
    held = await site.membership.link(holder, on_x("former", 5))
    member, wish = await join("ada", None)
    await site.publishing.publish(member, wish)
    await site.publishing.say()
    job = (await due(site.rechecks, clock))["x"]
    seen = Held(x_account("ada", 5), (on_x("ada", 5, at=clock.now()).evidence,))
    assert await site.rechecks.record_recheck(job, seen, clock.now())
    account = await find(site.membership, member, wish.x_account)
    assert (account.account, account.health) == (x_account("ada"), ProofState.IN_DOUBT)
    assert [item.kind for item in account.evidence] == [EvidenceKind.X_POST_HANDLE]
    (claim,) = await claims.list_open_claims(10)
    assert (claim.member, claim.holder, claim.account) == (member, held.id, x_account("ada", 5))
    await site.publishing.say()
    (answer,) = (await site.lookup.lookup(Query.parse("@ada"))).answers
    assert answer.mapping.is_contested
    assert not answer.may_follow
    await claims.reject(claim.id, clock.now() + timedelta(hours=1))
    clock.advance(days=30)
    jobs = await site.rechecks.claim_due_rechecks(clock.now(), 10)
    (job,) = [each for each in jobs if each.account.id == wish.x_account]
    assert await site.rechecks.record_recheck(job, seen, clock.now())
    assert (await find(site.membership, member, wish.x_account)).is_lapsed
    assert await answers(site.lookup, "@ada") == []


async def test_an_id_is_taken_over_once_the_other_member_has_let_it_go(
    site: Site, join: Join, clock: FakeClock
) -> None:
    """The other one may have been there first, and in error: the doubt ends with the reason for it."""
    holder = (await site.membership.sign_in(at_mastodon("holder"))).member
    held = await site.membership.link(holder, on_x("former", 5))
    member, wish = await join("ada", None)
    await site.publishing.publish(member, wish)
    await site.publishing.say()
    seen = Held(x_account("ada", 5), (on_x("ada", 5, at=clock.now()).evidence,))
    assert await site.rechecks.record_recheck((await due(site.rechecks, clock))["x"], seen, clock.now())
    await site.membership.unlink(holder, held.id)
    clock.advance(days=30)
    jobs = await site.rechecks.claim_due_rechecks(clock.now(), 10)
    (job,) = [each for each in jobs if each.account.id == wish.x_account]
    assert await site.rechecks.record_recheck(job, seen, clock.now())
    account = await find(site.membership, member, wish.x_account)
    assert (account.account, account.health) == (x_account("ada", 5), ProofState.HOLDS)
    await site.publishing.say()
    (answer,) = (await site.lookup.lookup(Query.parse("5"))).answers
    assert answer.may_follow


async def test_an_id_that_stands_beside_it_is_not_taken_over(
    site: Site, join: Join, claims: ClaimStore, clock: FakeClock
) -> None:
    """The member has linked the same X account twice, under two names: one row keeps its id."""
    member, wish = await join("ada", None)
    other = await site.membership.link(member, on_x("former", 5))
    await site.publishing.publish(member, wish)
    job = (await due(site.rechecks, clock))["x"]
    seen = Held(x_account("ada", 5), (on_x("ada", 5, at=clock.now()).evidence,))
    assert await site.rechecks.record_recheck(job, seen, clock.now())
    assert (await find(site.membership, member, wish.x_account)).account == x_account("ada")
    assert (await find(site.membership, member, other.id)).account == x_account("former", 5)
    assert x_ids(await site.membership.accounts(member)) == [XId(5)]
    assert await claims.list_open_claims(10) == []


async def test_another_account_in_its_place_is_not_the_one(
    published: tuple[UUID, Wish], site: Site, clock: FakeClock
) -> None:
    """Whatever a result says: nobody's mapping comes to lead to another account, or to be of another X account."""
    jobs = await due(site.rechecks, clock)
    assert await site.rechecks.record_recheck(jobs["x"], Held(x_account("ada", 6)), clock.now())
    assert await answers(site.lookup, "5") == []
    x = await find(site.membership, published[0], published[1].x_account)
    assert (x.account, x.is_lapsed) == (x_account("ada", 5), True)


@pytest.mark.parametrize("seen", [Held(bluesky("eve")), Held(mastodon("ada")), Unlinked(mastodon("ada"))])
async def test_another_account_in_the_place_of_the_new_one(
    published: tuple[UUID, Wish], site: Site, clock: FakeClock, seen: Held | Unlinked
) -> None:
    jobs = await due(site.rechecks, clock)
    assert await site.rechecks.record_recheck(jobs["bluesky"], seen, clock.now())
    assert await answers(site.lookup, "5") == []
    target = await find(site.membership, published[0], published[1].target_account)
    assert (target.account, target.is_lapsed) == (bluesky("ada"), True)


async def test_members_who_swap_handles_do_not_wait_for_each_other(
    site: Site, join: Join, clock: FakeClock
) -> None:
    """Each holds their own account while the other's is to be re-checked: a deadlock, which a page showed as an
    error of ours, and a job only after its lease."""
    pairs = [await join(name, number) for name, number in (("ada", 5), ("bob", 6))]
    for member, wish in pairs:
        await site.publishing.publish(member, wish)
    names = ["ada", "bob"]
    for turn in range(30):
        names.reverse()
        clock.advance(days=60)
        jobs = [
            job
            for job in await site.rechecks.claim_due_rechecks(clock.now(), 10)
            if job.account.x is not None
        ]
        if turn % 2:
            swapped = [
                site.membership.link(member, on_x(name, number, at=clock.now()))
                for (member, _), name, number in zip(pairs, names, (5, 6), strict=True)
            ]
            await asyncio.gather(*swapped)
        else:
            new = {5: names[0], 6: names[1]}
            held = [
                Held(x_account(new[job.account.x.id.value], job.account.x.id.value))
                for job in jobs
                if job.account.x is not None and job.account.x.id is not None
            ]
            assert len(held) == len(jobs) == 2
            recorded = [
                site.rechecks.record_recheck(job, seen, clock.now())
                for job, seen in zip(jobs, held, strict=True)
            ]
            # Whoever is seen first under the other's name makes the other due again, which ends the look under way.
            assert True in await asyncio.gather(*recorded)
    for (member, wish), name in zip(pairs, names, strict=True):
        assert str((await find(site.membership, member, wish.x_account)).handle) == name
