"""Decides claims to X accounts for the moderators, and looks again at the evidence of those that they approved."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from directory.accounts import ProvenAccount
from directory.clock import Clock
from directory.members.claims import (
    CONFIRM_AFTER,
    Case,
    Claim,
    Settled,
    find_post,
    is_confirmed,
    judge_claim,
    next_look,
)
from directory.proofs.reasons import UnreachableReason
from directory.proofs.results import Unreachable
from directory.proofs.x_post import PostChecker
from directory.store.claims import ClaimJob, ClaimStore
from directory.store.leases import Lease
from directory.store.used_challenges import UsedChallengeStore


class Claiming:
    """Asks the sources of X before each transaction: no lock is held meanwhile."""

    def __init__(
        self, claims: ClaimStore, checker: PostChecker, used: UsedChallengeStore, clock: Clock
    ) -> None:
        self._claims = claims
        self._checker = checker
        self._used = used
        self._clock = clock

    async def list_open(self, limit: int) -> list[Claim]:
        """Lists the claims that wait for the moderators or for evidence, the longest waiting first."""
        return await self._claims.list_open_claims(limit)

    async def reject(self, claim: UUID) -> Settled:
        """Rejects a claim: the X account stays where it is."""
        return await self._claims.reject(claim, self._clock.now())

    async def uphold(self, claim: UUID) -> Settled:
        """Decides for the claimant, on evidence that is looked at in this moment.

        Seen, the X account passes to them. Where it does not hold any more, or cannot be seen, the claim is approved, and
        waits until it can, or until the claimant proves the account anew. What does not hold a day later either ends it.
        """
        case = await self._claims.find_case(claim)
        if case is None:
            return Settled.NOT_WAITING
        seen = await self._look(case.claim)
        now = self._clock.now()
        if seen is None:
            return await self._doubt(case, now)
        if isinstance(seen, ProvenAccount):
            return await self._claims.uphold(case, seen, now)
        due = next_look(1, now, seen.retry_after_s) if find_post(case.claim.evidence) is not None else None
        return await self._claims.approve(case, now, due)

    async def claim_due(self, limit: int, busy: Collection[str] = ()) -> list[ClaimJob]:
        """Claims approved claims whose evidence is due to be looked at."""
        return await self._claims.claim_due_looks(self._clock.now(), limit, busy)

    async def look_again(self, job: ClaimJob) -> Settled | None:
        """Looks at the evidence of an approved claim, and carries the claim out, doubts it or ends it. Returns None where
        it goes on waiting."""
        if find_post(job.case.claim.evidence) is None:
            await self._claims.stop_looking(job)
            return None
        seen = await self._look(job.case.claim)
        return await self._record(job, seen)

    async def release(self, job: ClaimJob) -> None:
        """Releases a look that was broken off: it is due again now."""
        await self._claims.release_look(job, self._clock.now())

    async def _record(self, job: ClaimJob, seen: ProvenAccount | Unreachable | None) -> Settled | None:
        now = self._clock.now()
        retry_after_s = seen.retry_after_s if isinstance(seen, Unreachable) else None
        if seen is None:
            return await self._doubt(job.case, now, job.lease)
        if isinstance(seen, ProvenAccount):
            settled = await self._claims.carry_out(job, seen, now)
            if settled is not Settled.NO_ROOM:
                return settled
        await self._claims.reschedule_look(job, next_look(job.attempt + 1, now, retry_after_s))
        return None

    async def _doubt(self, case: Case, now: datetime, lease: Lease | None = None) -> Settled:
        """Ends a claim whose evidence does not hold, where it did not a day before either."""
        if is_confirmed(case.claim, now):
            return await self._claims.lapse(case, now, lease)
        return await self._claims.doubt(case, now, now + CONFIRM_AFTER, lease)

    async def _look(self, claim: Claim) -> ProvenAccount | Unreachable | None:
        post = find_post(claim.evidence)
        challenge = (
            await self._used.find_used_challenge(claim.member, post.value) if post is not None else None
        )
        if post is None or challenge is None:
            return Unreachable(UnreachableReason.NO_SOURCE)
        return judge_claim(claim, await self._checker.recheck(challenge, post, claim.account.id))
