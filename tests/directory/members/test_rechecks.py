"""Re-checks: due every 60 days, for what is published; silence makes stale, only a confirmed doubt withdraws."""

import asyncio
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.accounts import LinkedAccount, ProofState, ProvenAccount
from directory.identifiers import Acct, ActorUri, XHandle
from directory.mappings import Evidence, EvidenceKind
from directory.members.errors import ProofLapsed
from directory.members.publications import VALIDITY, PublicationState, Wish
from directory.members.rechecks import (
    MAX_DELAY,
    Doubtful,
    Held,
    Lapsed,
    Moved,
    health_of,
    next_look_at,
    outcome_of,
    unreachable,
)
from directory.proofs.reasons import RefutedReason, UnreachableReason
from directory.proofs.results import Refuted, Unreachable
from directory.proofs.schedule import RECHECK_EVERY, RECHECK_SPREAD, after_recheck
from directory.services.leaving import Leaving
from directory.services.lookup import Lookup
from directory.services.membership import Membership
from directory.store.rechecks import RecheckJob, RecheckStore
from tests.directory.members.conftest import Join
from tests.directory.members.logged import LoggedPublishing
from tests.directory.members.people import at_bluesky, at_mastodon, on_x
from tests.directory.members.test_publishing import answers
from tests.harness.clock import START, FakeClock


class Site(NamedTuple):
    """What these tests work with."""

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


async def due(rechecks: RecheckStore, clock: FakeClock) -> dict[str, RecheckJob]:
    """What is due 60 days on, by network."""
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
    assert await rechecks.record(jobs["x"], Held("ada"), clock.now())
    assert await publishing.say() == 0, "the other proof is as old as before"
    assert await rechecks.record(jobs["bluesky"], Held("ada.bsky.example"), clock.now())
    assert await publishing.say() == 1
    (publication,) = await publishing.list_of(published[0])
    assert publication.expires == clock.now() + VALIDITY
    assert await answers(lookup, "5") == ["ada.bsky.example"]
    assert not await rechecks.record(jobs["x"], Lapsed(), clock.now()), "a late result counts no more"


async def test_a_changed_handle_is_said_anew(
    published: tuple[UUID, Wish], site: Site, clock: FakeClock
) -> None:
    jobs = await due(site.rechecks, clock)
    evidence = Evidence(EvidenceKind.X_POST_ID, clock.now(), "https://x.com/i/status/1")
    await site.rechecks.record(jobs["x"], Held("Countess", evidence), clock.now())
    await site.rechecks.record(jobs["bluesky"], Held("ada.example"), clock.now())
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
    await site.rechecks.record(jobs["x"], Held("countess"), clock.now())
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
            if job.account.network == "x":
                health = after_recheck(
                    health_of(job.account),
                    Unreachable(UnreachableReason.NO_ANSWER),
                    clock.now(),
                    str(job.account.id),
                )
                assert await site.rechecks.record(job, outcome_of(health), clock.now())
            else:
                assert await site.rechecks.record(
                    job, unreachable(job.account, job.attempt, clock.now()), clock.now()
                )
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
    await site.rechecks.record(
        job, outcome_of(after_recheck(health_of(job.account), refuted, clock.now(), "")), clock.now()
    )
    assert (await find(site.membership, member, wish.x_account)).health is ProofState.IN_DOUBT
    assert await answers(site.lookup, "5") == ["ada.bsky.example"]
    clock.advance(days=1)
    (job,) = [
        each
        for each in await site.rechecks.claim_due_rechecks(clock.now(), 10)
        if each.account.network == "x"
    ]
    await site.rechecks.record(
        job, outcome_of(after_recheck(health_of(job.account), refuted, clock.now(), "")), clock.now()
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
    proven = ProvenAccount.x(None, XHandle("ada"), Evidence(EvidenceKind.X_CONFIRMED, clock.now()))
    x = await membership.link(signed_in.member, proven)
    await publishing.publish(signed_in.member, Wish(x.id, signed_in.account.id, 1))
    jobs = await due(rechecks, clock)
    assert set(jobs) == {"bluesky"}


async def test_a_moved_account_carries_its_mapping_along(site: Site, join: Join, clock: FakeClock) -> None:
    member, wish = await join("ada", 5)
    home = await site.membership.link(member, at_mastodon("ada"))
    await site.publishing.publish(member, Wish(wish.x_account, home.id, 1))
    await site.publishing.say()
    job = (await due(site.rechecks, clock))["mastodon"]
    moved = Moved(ActorUri.parse("https://new.example/users/ada"), Acct.parse("ada@new.example"))
    assert await site.rechecks.record(job, moved, clock.now())
    await site.publishing.say()
    assert await answers(site.lookup, "5") == ["ada@new.example"]
    account = await find(site.membership, member, home.id)
    assert account.account_id == "https://new.example/users/ada"
    assert account.recheck_at is not None


async def test_a_move_to_an_account_that_is_linked_already(site: Site, join: Join, clock: FakeClock) -> None:
    member, wish = await join("ada", 5)
    old = await site.membership.link(member, at_mastodon("old"))
    new = await site.membership.link(member, at_mastodon("new"))
    await site.publishing.publish(member, Wish(wish.x_account, old.id, 1))
    await site.publishing.say()
    job = (await due(site.rechecks, clock))["mastodon"]
    moved = Moved(ActorUri.parse("https://social.example/users/new"), Acct.parse("new@social.example"))
    assert await site.rechecks.record(job, moved, clock.now())
    assert await answers(site.lookup, "5") == ["old@social.example"]
    await site.publishing.say()
    assert await answers(site.lookup, "5") == ["new@social.example"]
    assert (await find(site.membership, member, new.id)).recheck_at is not None
    assert (await find(site.membership, member, old.id)).is_lapsed


async def test_a_move_to_somebody_elses_account_moves_nothing(
    site: Site, join: Join, clock: FakeClock
) -> None:
    """A hostile server says that its users moved to an account here: their followers must not go there."""
    victim = await site.membership.sign_in(at_mastodon("victim"))
    member, wish = await join("ada", 5)
    old = await site.membership.link(member, at_mastodon("old"))
    await site.publishing.publish(member, Wish(wish.x_account, old.id, 1))
    await site.publishing.say()
    job = (await due(site.rechecks, clock))["mastodon"]
    moved = Moved(ActorUri.parse("https://social.example/users/victim"), Acct.parse("victim@social.example"))
    assert await site.rechecks.record(job, moved, clock.now())
    await site.publishing.say()
    assert await answers(site.lookup, "5") == []
    assert len(await site.membership.accounts(victim.member)) == 1


async def test_erasing_during_a_recheck(
    published: tuple[UUID, Wish], rechecks: RecheckStore, leaving: Leaving, lookup: Lookup, clock: FakeClock
) -> None:
    jobs = await due(rechecks, clock)
    await leaving.erase(published[0])
    for outcome in (Held("ada"), Lapsed(), Doubtful(ProofState.STALE, clock.now(), clock.now())):
        assert not await rechecks.record(jobs["x"], outcome, clock.now())
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
    assert not await rechecks.record(jobs["x"], Held("renamed"), clock.now())
    await publishing.say()
    assert await answers(lookup, "5") == []


@given(attempt=st.integers(-5, 1_000))
def test_waits_grow_and_end(attempt: int) -> None:
    account = _account()
    wait = unreachable(account, attempt, START).next_look - START
    later = unreachable(account, attempt + 1, START).next_look - START
    assert timedelta(hours=1) <= wait <= later <= MAX_DELAY


def test_a_lapsed_account_is_never_looked_at() -> None:
    assert next_look_at(_account(), START) is not None
    assert next_look_at(_account(ProofState.LAPSED), START) is None


def _account(health: ProofState = ProofState.HOLDS) -> LinkedAccount:
    return LinkedAccount(
        id=UUID(int=1),
        member=UUID(int=2),
        network=at_bluesky("ada").network,
        account_id=at_bluesky("ada").account_id,
        handle="ada.bsky.example",
        evidence=(at_bluesky("ada").evidence,),
        linked_at=START,
        proven_at=START,
        checked_at=START,
        recheck_at=None,
        health=health,
        health_since=None,
        on_page=False,
    )
