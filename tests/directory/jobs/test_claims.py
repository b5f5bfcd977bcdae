"""Claims decided on what X shows in that moment: a post that stands, is gone, is another's, or cannot be seen."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest

from directory.accounts import LinkedAccount
from directory.members.challenges import ChallengeState, CheckState
from directory.members.claims import APPROVAL_LIFE, ClaimState, Settled
from directory.members.errors import XAccountContested
from directory.store.claims import ClaimStore
from tests.directory.jobs.site import JobSite
from tests.directory.members.people import INSTANCE, on_x
from tests.harness.clock import FakeClock
from tests.harness.fake_x import Failure, FakeAccount, FakePost

SOURCES = ("syndication", "oembed-x", "oembed-twitter")


async def prove(site: JobSite, member: UUID, account: FakeAccount) -> FakePost:
    """Posts as the account, hands the post in, and lets it be checked."""
    kept = await site.proving.new_challenge(member, INSTANCE, "en")
    post = site.x.post(account, kept.challenge.sentence, at=site.clock.now())
    await site.proving.submit(member, kept.id, post.url)
    await site.worker().drain()
    return post


async def x_of(site: JobSite, member: UUID) -> list[LinkedAccount]:
    return [each for each in await site.membership.accounts(member) if each.x is not None]


@dataclass(frozen=True)
class Contest:
    """Ada holds the X account, and Eve has claimed it with a post."""

    site: JobSite
    x_account: FakeAccount
    ada: UUID
    eve: UUID
    claim: UUID
    post: FakePost
    clock: FakeClock

    async def uphold(self) -> Settled:
        return await self.site.claiming().uphold(self.claim)

    async def state(self) -> ClaimState:
        ((state,),) = await self.site.fetch("SELECT state FROM contested_claim WHERE id = $1", self.claim)
        return ClaimState(int(str(state)))

    async def holders(self) -> tuple[int, int]:
        """Counts the X accounts of Ada and of Eve."""
        return len(await x_of(self.site, self.ada)), len(await x_of(self.site, self.eve))

    async def look(self, **later: float) -> ClaimState:
        """Looks again at what is due after some time. Returns how the claim stands then."""
        self.clock.advance(**later)
        await self.site.worker().drain()
        return await self.state()

    def silence(self) -> None:
        for source in SOURCES:
            self.site.x.fail(source, Failure(503))

    def heal(self) -> None:
        for source in SOURCES:
            self.site.x.heal(source)


@pytest.fixture
async def contest(site: JobSite, claims: ClaimStore, clock: FakeClock) -> Contest:
    ada, eve = await site.join("ada"), await site.join("eve")
    x_account = site.x.account("ada")
    await prove(site, ada, x_account)
    clock.advance(minutes=5)
    post = await prove(site, eve, x_account)
    (claim,) = await claims.list_open_claims(10)
    return Contest(site, x_account, ada, eve, claim.id, post, clock)


async def test_a_post_that_stands_is_evidence(contest: Contest) -> None:
    assert await contest.uphold() is Settled.HANDED_OVER
    assert await contest.holders() == (0, 1)
    (account,) = await x_of(contest.site, contest.eve)
    assert account.evidence[0].at == contest.site.clock.now(), "as it was seen now"
    assert await contest.state() is ClaimState.UPHELD
    assert await contest.uphold() is Settled.NOT_WAITING


def delete(contest: Contest) -> None:
    contest.site.x.delete(contest.post)


def give_another_author(contest: Contest) -> None:
    contest.post.author = contest.site.x.account("somebody_else")


def edit(contest: Contest) -> None:
    contest.site.x.edit(contest.post, "I take it back", at=contest.site.clock.now())


@pytest.mark.parametrize("undo", [delete, give_another_author, edit])
async def test_a_post_that_does_not_hold_hands_over_nothing(
    contest: Contest, undo: Callable[[Contest], None]
) -> None:
    """Attack: Eve had the account for an hour. Its owner took it back and deleted her post; the moderators, who saw
    the stored evidence, gave her the account."""
    undo(contest)
    assert await contest.uphold() is Settled.DOUBTED
    assert (await contest.holders(), await contest.state()) == ((1, 0), ClaimState.APPROVED)
    assert await contest.look(hours=23) is ClaimState.APPROVED
    assert await contest.look(hours=1) is ClaimState.LAPSED
    assert await contest.holders() == (1, 0)


async def test_a_post_that_reads_as_deleted_once_ends_no_claim(contest: Contest) -> None:
    """X's own pages say of posts that stand, for minutes, that they are gone: the claimant lost the case by it."""
    contest.silence()
    await contest.uphold()
    contest.heal()
    contest.site.x.delete(contest.post)
    assert await contest.look(hours=1) is ClaimState.APPROVED
    contest.post.is_deleted = False
    assert await contest.look(days=1) is ClaimState.UPHELD
    assert await contest.holders() == (0, 1)


async def test_a_decision_that_is_repeated_at_once_ends_no_claim(contest: Contest) -> None:
    """The moderators press again while X is wrong; what they decide a day later counts."""
    contest.site.x.delete(contest.post)
    assert [await contest.uphold() for _ in range(3)] == [Settled.DOUBTED] * 3
    contest.clock.advance(days=1)
    assert await contest.uphold() is Settled.LAPSED


async def test_silence_neither_confirms_nor_lifts_a_doubt(contest: Contest) -> None:
    contest.site.x.delete(contest.post)
    assert await contest.uphold() is Settled.DOUBTED
    contest.silence()
    assert await contest.look(days=1) is ClaimState.APPROVED
    contest.heal()
    assert await contest.look(days=1) is ClaimState.LAPSED


async def test_a_new_proof_begins_without_a_doubt(contest: Contest) -> None:
    """Nobody waits for the evidence that it replaces, and what was seen of that counts no more."""
    contest.site.x.delete(contest.post)
    assert await contest.uphold() is Settled.DOUBTED
    await prove(contest.site, contest.eve, contest.x_account)
    assert (await contest.holders(), await contest.state()) == ((0, 1), ClaimState.UPHELD)


async def test_a_decision_waits_while_x_is_silent(contest: Contest, clock: FakeClock) -> None:
    """The moderators decide once. The account passes on when the post is seen, not before."""
    contest.silence()
    assert await contest.uphold() is Settled.APPROVED
    clock.advance(minutes=50)
    contest.heal()
    await contest.site.worker().drain()
    assert await contest.holders() == (1, 0), "it is not due yet"
    contest.silence()
    clock.advance(minutes=10)
    await contest.site.worker().drain()
    assert (await contest.holders(), await contest.state()) == ((1, 0), ClaimState.APPROVED)
    contest.heal()
    clock.advance(hours=2)
    await contest.site.worker().drain()
    assert (await contest.holders(), await contest.state()) == ((0, 1), ClaimState.UPHELD)


async def test_what_is_gone_by_then_hands_over_nothing(contest: Contest) -> None:
    contest.silence()
    await contest.uphold()
    contest.heal()
    contest.site.x.delete(contest.post)
    assert await contest.look(hours=1) is ClaimState.APPROVED
    assert await contest.look(days=1) is ClaimState.LAPSED
    assert await contest.holders() == (1, 0)


async def test_silence_for_thirty_days_ends_the_claim(contest: Contest, clock: FakeClock) -> None:
    contest.silence()
    await contest.uphold()
    ended = clock.now() + APPROVAL_LIFE
    while clock.now() < ended:
        clock.advance(days=2)
        await contest.site.worker().drain()
    contest.heal()
    clock.advance(days=2)
    await contest.site.worker().drain()
    assert (await contest.holders(), await contest.state()) == ((1, 0), ClaimState.LAPSED)


async def test_looks_are_rare(contest: Contest, clock: FakeClock) -> None:
    """In an hour, twice as late each time, and once a day from then on."""
    contest.silence()
    await contest.uphold()
    waits: list[timedelta] = []
    for _ in range(8):
        ((due,),) = await contest.site.fetch("SELECT next_at - $1 FROM contested_claim", clock.now())
        assert isinstance(due, timedelta)
        waits.append(due)
        clock.advance(seconds=due.total_seconds())
        await contest.site.worker().drain()
    hours = [wait / timedelta(hours=1) for wait in waits]
    assert hours[:5] == [1, 2, 4, 8, 16]
    assert hours[5:] == [24, 24, 24]


async def test_a_look_that_is_broken_off_is_due_again(contest: Contest, clock: FakeClock) -> None:
    contest.silence()
    await contest.uphold()
    contest.heal()
    clock.advance(hours=1)
    claiming = contest.site.claiming()
    (job,) = await claiming.claim_due(1)
    assert await claiming.claim_due(1) == []
    await claiming.release(job)
    await contest.site.worker().drain()
    assert await contest.state() is ClaimState.UPHELD


async def test_what_no_instance_can_look_at_waits_for_the_claimant(site: JobSite, claims: ClaimStore) -> None:
    """No post of the claimant's challenges: it was seen by somebody else's word, or the seal cannot be opened."""
    ada, eve = await site.join("ada"), await site.join("eve")
    x_account = site.x.account("ada")
    await prove(site, ada, x_account)
    proven = on_x("ada", x_account.id.value, at=site.clock.now())
    with pytest.raises(XAccountContested):
        await site.membership.link(eve, proven)
    (claim,) = await claims.list_open_claims(10)
    assert await site.claiming().uphold(claim.id) is Settled.APPROVED
    assert (len(await x_of(site, ada)), len(await x_of(site, eve))) == (1, 0)
    await prove(site, eve, x_account)
    assert (len(await x_of(site, ada)), len(await x_of(site, eve))) == (0, 1)


async def test_a_rejected_claimant_repeats_it_in_vain(
    contest: Contest, claims: ClaimStore, clock: FakeClock
) -> None:
    """Attack: a rejection cost one more post. The sentence stays open, for another X account."""
    assert await contest.site.claiming().reject(contest.claim) is Settled.REJECTED
    clock.advance(minutes=1)
    await prove(contest.site, contest.eve, contest.x_account)
    check = await contest.site.proving.latest_check(contest.eve)
    assert check is not None
    assert (check.state, check.reason) == (CheckState.REFUTED, "claim-paused")
    assert await claims.list_open_claims(10) == []
    ((state,),) = await contest.site.fetch("SELECT state FROM challenge WHERE id = $1", check.challenge)
    assert state == ChallengeState.OPEN
    await prove(contest.site, contest.eve, contest.site.x.account("eve_on_x"))
    assert await contest.holders() == (1, 1)


async def test_a_look_that_a_wrong_clock_put_off_is_made_today(contest: Contest) -> None:
    """The machine's clock was 400 days ahead for an hour: the approval would have lapsed before the look."""
    contest.silence()
    assert await contest.uphold() is Settled.APPROVED
    await contest.site.fetch("UPDATE contested_claim SET next_at = next_at + interval '400 days'")
    contest.heal()
    await contest.site.worker().drain()
    assert await contest.state() is ClaimState.UPHELD
