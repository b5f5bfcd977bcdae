"""Proof posts: one open challenge a member, one check a post, and nothing proven for another member."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from directory.accounts import ProvenAccount
from directory.errors import InvalidIdentifier
from directory.identifiers import XId
from directory.mappings import Evidence, EvidenceKind
from directory.members.challenges import (
    MAX_CHALLENGES_PER_DAY,
    MAX_CHECKS_PER_DAY,
    ChallengeState,
    CheckState,
    ProofJob,
)
from directory.members.errors import (
    ChallengeClosed,
    MemberGone,
    NamesTooLong,
    TooManyAttempts,
    UnknownAccount,
)
from directory.members.naming import is_up_to_date
from directory.proofs.post_url import XPostId
from directory.proofs.reasons import RefutedReason, UnreachableReason
from directory.proofs.results import Refuted, Unreachable, Verified
from directory.services.leaving import Leaving
from directory.services.membership import Membership
from directory.services.proving import Proving
from directory.store.challenges import ChallengeStore
from directory.store.claims import ClaimStore
from directory.store.database import Database
from tests.directory.members.people import (
    INSTANCE,
    at_bluesky,
    at_mastodon,
    mastodon,
    on_x,
    x_account,
    x_ids,
)
from tests.harness.clock import FakeClock

POST = "https://x.com/ada/status/2000000000000000001"


def verified(handle: str, x_id: int | None, clock: FakeClock) -> Verified:
    kind = EvidenceKind.X_POST_HANDLE if x_id is None else EvidenceKind.X_POST_ID
    return Verified(
        account=x_account(handle, x_id),
        post=XPostId(1),
        posted=clock.now(),
        evidence=Evidence(kind, clock.now(), "https://x.com/i/status/1"),
    )


@pytest.fixture
async def member(membership: Membership) -> UUID:
    return (await membership.sign_in(at_bluesky("ada"))).member


async def submit(proving: Proving, member: UUID, post: str = POST) -> ProofJob:
    """Submits a post, and claims its check."""
    kept = await proving.open_challenge(member) or await proving.new_challenge(member, INSTANCE, "en")
    await proving.submit(member, kept.id, post)
    (job,) = await proving.claim_due(10)
    return job


async def test_the_sentence_stays_until_another_is_asked_for(
    proving: Proving, membership: Membership, member: UUID, clock: FakeClock
) -> None:
    """Somebody who reloads the page after posting must not have posted in vain; nor who has linked an account since."""
    assert await proving.open_challenge(member) is None
    first = await proving.new_challenge(member, INSTANCE, "en")
    clock.advance(hours=1)
    assert await proving.open_challenge(member) == first
    assert "ada·bsky·example" in first.challenge.sentence
    assert is_up_to_date(first.challenge, await membership.accounts(member), INSTANCE)
    assert not is_up_to_date(first.challenge, await membership.accounts(member), "other.example")
    await membership.link(member, at_mastodon("ada"))
    assert not is_up_to_date(first.challenge, await membership.accounts(member), INSTANCE)
    assert await proving.open_challenge(member) == first
    both = await proving.new_challenge(member, INSTANCE, "fr")
    assert (both.id != first.id, await proving.open_challenge(member)) == (True, both)
    assert len(both.challenge.targets) == 2
    assert await proving.first_challenge(member, INSTANCE, "en") is None
    clock.advance(days=8)
    assert await proving.open_challenge(member) is None
    next_one = await proving.first_challenge(member, INSTANCE, "en")
    assert next_one is not None
    assert await proving.open_challenge(member) == next_one


async def test_no_first_sentence_ends_a_check(proving: Proving, member: UUID, clock: FakeClock) -> None:
    """The sentence expired while its post waits for a source: a look at the page would have ended the check."""
    job = await submit(proving, member)
    clock.advance(days=8)
    assert await proving.first_challenge(member, INSTANCE, "en") is None
    check = await proving.latest_check(member)
    assert check is not None
    assert (check.id, check.state) == (job.check.id, CheckState.WAITING)


async def test_the_database_does_not_know_the_nonce(
    proving: Proving, member: UUID, database: Database
) -> None:
    kept = await proving.new_challenge(member, INSTANCE, "en")
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT * FROM challenge")
    assert row is not None
    assert str(kept.challenge.nonce) not in str(dict(row))


async def test_a_sentence_takes_an_account_and_a_member(proving: Proving) -> None:
    with pytest.raises(UnknownAccount):
        await proving.new_challenge(uuid4(), INSTANCE, "en")


async def test_a_good_post_links_the_x_account(
    proving: Proving, membership: Membership, member: UUID, clock: FakeClock
) -> None:
    job = await submit(proving, member)
    assert job.check.post_id == 2000000000000000001
    assert job.check.attempts == 1
    assert job.challenge.challenge.refusal(clock.now()) is None
    check = await proving.record(job, verified("ada", 5, clock))
    assert check is not None
    assert check.state is CheckState.VERIFIED
    assert x_ids(await membership.accounts(member)) == [XId(5)]
    assert await proving.latest_check(member) == check
    assert await proving.claim_due(10) == []


async def test_a_result_counts_once(
    proving: Proving, membership: Membership, member: UUID, clock: FakeClock
) -> None:
    job = await submit(proving, member)
    await proving.record(job, verified("ada", 5, clock))
    again = await proving.record(job, verified("eve", 6, clock))
    assert again is not None
    assert again.state is CheckState.VERIFIED
    assert {str(account.handle) for account in await membership.accounts(member)} == {
        "ada.bsky.example",
        "ada",
    }
    with pytest.raises(ChallengeClosed):
        await proving.submit(member, job.challenge.id, POST)


async def test_an_old_nonce(proving: Proving, membership: Membership, member: UUID, clock: FakeClock) -> None:
    """The post of a sentence that was replaced since, while its check was under way."""
    job = await submit(proving, member)
    await membership.link(member, at_mastodon("ada"))
    await proving.new_challenge(member, INSTANCE, "en")
    check = await proving.record(job, verified("ada", 5, clock))
    assert check is not None
    assert check.state is CheckState.CLOSED
    assert x_ids(await membership.accounts(member)) == []
    with pytest.raises(ChallengeClosed):
        await proving.submit(member, job.challenge.id, POST)


async def test_a_nonce_for_another_target(
    proving: Proving, membership: Membership, member: UUID, clock: FakeClock
) -> None:
    """Somebody posts that they are also @ada at Bluesky; that account leaves the membership before the
    check ends, so that the post would speak for accounts that it never named."""
    signed_in = await membership.sign_in(at_bluesky("ada"))
    job = await submit(proving, member)
    await membership.link(member, at_mastodon("eve"))
    await membership.unlink(member, signed_in.account.id)
    check = await proving.record(job, verified("ada", 5, clock))
    assert check is not None
    assert check.state is CheckState.CLOSED
    assert x_ids(await membership.accounts(member)) == []


async def test_nobody_hands_in_for_somebody_else(
    proving: Proving, membership: Membership, member: UUID
) -> None:
    kept = await proving.new_challenge(member, INSTANCE, "en")
    eve = (await membership.sign_in(at_bluesky("eve"))).member
    with pytest.raises(ChallengeClosed):
        await proving.submit(eve, kept.id, POST)
    with pytest.raises(MemberGone):
        await proving.submit(uuid4(), kept.id, POST)
    with pytest.raises(InvalidIdentifier):
        await proving.submit(member, kept.id, "https://evil.example/status/1")
    check = await proving.submit(member, kept.id, POST)
    assert await proving.find_check(eve, check.id) is None
    assert await proving.find_check(member, check.id) == check


async def test_a_refuted_post_leaves_the_sentence_open(
    proving: Proving, member: UUID, clock: FakeClock
) -> None:
    job = await submit(proving, member)
    check = await proving.record(job, Refuted(RefutedReason.NO_SENTENCE))
    assert check is not None
    assert (check.state, check.reason) == (CheckState.REFUTED, "no-sentence")
    second = await submit(proving, member)
    assert second.challenge.id == job.challenge.id
    check = await proving.record(second, verified("ada", 5, clock))
    assert check is not None
    assert check.state is CheckState.VERIFIED


async def test_another_post_takes_the_place_of_one_that_waits(proving: Proving, member: UUID) -> None:
    kept = await proving.new_challenge(member, INSTANCE, "en")
    first = await proving.submit(member, kept.id, POST)
    assert await proving.submit(member, kept.id, POST) == first
    second = await proving.submit(member, kept.id, "2000000000000000002")
    assert second.id != first.id
    (job,) = await proving.claim_due(10)
    assert job.check.id == second.id


async def test_an_unreachable_post_is_asked_for_again_for_a_day(
    proving: Proving, member: UUID, clock: FakeClock
) -> None:
    job = await submit(proving, member)
    began = clock.now()
    waits = []
    while True:
        check = await proving.record(job, Unreachable(UnreachableReason.NO_ANSWER))
        assert check is not None
        if check.state is not CheckState.WAITING:
            break
        waits.append(check.next_at - clock.now())
        assert await proving.claim_due(10) == []
        clock.advance(seconds=waits[-1].total_seconds())
        (job,) = await proving.claim_due(10)
    assert (check.state, check.reason) == (CheckState.GAVE_UP, "no-answer")
    assert waits[:5] == sorted(waits[:5])
    assert waits[0] < timedelta(minutes=1) < timedelta(hours=1) < waits[-1]
    assert clock.now() - began <= timedelta(days=1)


async def test_a_wait_that_a_source_asks_for_is_kept(
    proving: Proving, member: UUID, clock: FakeClock
) -> None:
    job = await submit(proving, member)
    check = await proving.record(job, Unreachable(UnreachableReason.TOO_MANY_REQUESTS, 7_200))
    assert check is not None
    assert check.next_at >= clock.now() + timedelta(hours=2)


async def test_a_worker_that_died_is_replaced(
    proving: Proving, membership: Membership, member: UUID, clock: FakeClock
) -> None:
    """Killed after it claimed: another takes over, and what the first still says counts no more."""
    dead = await submit(proving, member)
    assert await proving.claim_due(10) == []
    clock.advance(minutes=5)
    (alive,) = await proving.claim_due(10)
    assert alive.check.attempts == 2
    stale = await proving.record(dead, verified("ada", 5, clock))
    assert stale is not None
    assert stale.state is CheckState.WAITING
    await proving.record(alive, verified("ada", 5, clock))
    assert len(await membership.accounts(member)) == 2


async def test_two_workers_do_not_take_the_same_check(proving: Proving, membership: Membership) -> None:
    for name in ("ada", "bob", "cyd", "dan"):
        member = (await membership.sign_in(at_bluesky(name))).member
        kept = await proving.new_challenge(member, INSTANCE, "en")
        await proving.submit(member, kept.id, POST)
    claimed = await asyncio.gather(*(proving.claim_due(3) for _ in range(3)))
    ids = [job.check.id for jobs in claimed for job in jobs]
    assert len(ids) == len(set(ids)) == 4


async def test_a_post_that_proves_an_account_of_another_member(
    proving: Proving, membership: Membership, member: UUID, claims: ClaimStore, clock: FakeClock
) -> None:
    ada = (await membership.sign_in(at_mastodon("ada"))).member
    await membership.link(ada, on_x("ada", 5))
    job = await submit(proving, member)
    check = await proving.record(job, verified("ada", 5, clock))
    assert check is not None
    assert check.state is CheckState.CONTESTED
    assert len(await claims.list_open_claims(10)) == 1
    assert len(await membership.accounts(member)) == 1


async def test_erasing_during_a_check(
    proving: Proving, leaving: Leaving, member: UUID, clock: FakeClock, database: Database
) -> None:
    """Who left while a worker was looking at their post must not come back through its result."""
    job = await submit(proving, member)
    await leaving.erase(member)
    for result in (
        verified("ada", 5, clock),
        Refuted(RefutedReason.NO_SENTENCE),
        Unreachable(UnreachableReason.NO_ANSWER),
    ):
        assert await proving.record(job, result) is None
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM linked_account") == 0


async def test_a_moderator_confirms_what_no_source_shows(
    proving: Proving, membership: Membership, member: UUID, clock: FakeClock
) -> None:
    job = await submit(proving, member)
    assert await proving.list_unreachable(10) == []
    clock.advance(days=2)
    await proving.record(job, Unreachable(UnreachableReason.WITHHELD))
    (waiting,) = await proving.list_unreachable(10)
    assert (waiting.check.id, waiting.check.state) == (job.check.id, CheckState.GAVE_UP)
    seen = Verified(
        account=x_account("ada"),
        post=XPostId(1),
        posted=clock.now(),
        evidence=Evidence(EvidenceKind.X_CONFIRMED, clock.now()),
    )
    account = await proving.confirm(job.check.id, seen)
    assert account is not None
    assert account.member == member
    assert await proving.confirm(job.check.id, seen) is None
    assert await proving.confirm(uuid4(), seen) is None
    assert await proving.list_unreachable(10) == []


async def test_sentences_and_posts_are_bounded(
    proving: Proving, membership: Membership, member: UUID, clock: FakeClock
) -> None:
    kept = await proving.new_challenge(member, INSTANCE, "en")
    for number in range(MAX_CHECKS_PER_DAY):
        await proving.submit(member, kept.id, str(2000000000000000000 + number))
    with pytest.raises(TooManyAttempts):
        await proving.submit(member, kept.id, "3000000000000000000")
    for number in range(MAX_CHALLENGES_PER_DAY - 1):
        await proving.new_challenge(member, INSTANCE, ["fr", "en"][number % 2])
    with pytest.raises(TooManyAttempts):
        await proving.new_challenge(member, "other.example", "en")
    clock.advance(days=1)
    await proving.new_challenge(member, "other.example", "en")


async def test_old_sentences_are_put_away(
    proving: Proving, member: UUID, database: Database, clock: FakeClock
) -> None:
    store = ChallengeStore(database)
    await proving.new_challenge(member, INSTANCE, "en")
    clock.advance(days=8)
    assert await store.purge_challenges(clock.now()) == 0
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT state FROM challenge") == ChallengeState.EXPIRED
    clock.advance(days=30)
    assert await store.purge_challenges(clock.now()) == 1


async def test_a_used_sentence_is_kept_for_later_looks(
    proving: Proving, member: UUID, database: Database, clock: FakeClock
) -> None:
    """Without it, no re-check could tell whether the post still says what it was asked to say."""
    await proving.record(await submit(proving, member), verified("ada", 5, clock))
    clock.advance(days=365)
    assert await ChallengeStore(database).purge_challenges(clock.now()) == 0


async def test_a_check_that_outlives_its_sentence_still_counts(
    proving: Proving, member: UUID, database: Database, clock: FakeClock
) -> None:
    kept = await proving.new_challenge(member, INSTANCE, "en")
    clock.advance(days=6, hours=23)
    await proving.submit(member, kept.id, POST)
    clock.advance(hours=2)
    await ChallengeStore(database).purge_challenges(clock.now())
    (job,) = await proving.claim_due(10)
    check = await proving.record(job, verified("ada", 5, clock))
    assert check is not None
    assert check.state is CheckState.VERIFIED


async def test_a_proof_names_what_was_chosen(
    proving: Proving, membership: Membership, member: UUID, clock: FakeClock
) -> None:
    """Without a choice the first account of each network: one that a thief linked in a stolen session is named by
    nobody who does not choose it."""
    clock.advance(days=1)
    second = await membership.link(member, at_bluesky("mallory"))
    home = await membership.link(member, at_mastodon("ada"))
    by_default = await proving.new_challenge(member, INSTANCE, "en")
    assert {str(each.handle) for each in by_default.challenge.targets} == {
        "ada.bsky.example",
        "ada@social.example",
    }
    chosen = await proving.new_challenge(member, INSTANCE, "en", {second.id, home.id})
    assert set(chosen.challenge.names) == {str(second.account.id), str(home.account.id)}
    with pytest.raises(UnknownAccount):
        await proving.new_challenge(member, INSTANCE, "en", {home.id, uuid4()})
    assert await proving.open_challenge(member) == chosen


async def test_names_that_do_not_fit_into_one_post(
    proving: Proving, membership: Membership, member: UUID
) -> None:
    """No name is cut: the default names fewer, and a choice is refused."""
    long = await membership.link(
        member,
        ProvenAccount(
            mastodon("bo", acct=f"{'b' * 64}@{'c' * 60}.{'d' * 60}.example"), at_mastodon("bo").evidence
        ),
    )
    own = next(each for each in await membership.accounts(member) if each.id != long.id)
    by_default = await proving.new_challenge(member, INSTANCE, "en")
    assert by_default.challenge.names == (str(own.account.id),)
    with pytest.raises(NamesTooLong):
        await proving.new_challenge(member, INSTANCE, "en", {own.id, long.id})
