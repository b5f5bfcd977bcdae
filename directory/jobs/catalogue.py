"""What is done for members when it is due: each job claims a few rows, makes them so, and writes down what came of it.

Every step can be repeated: a process that ends in the middle leaves a row whose lease runs out, and whose
result, where it comes too late, changes nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog

from directory.accounts import AccountNetwork
from directory.clock import Clock
from directory.members.challenges import ProofJob
from directory.members.page_links import LinkJob
from directory.members.tokens import Revocation
from directory.networks.mastodon.sign_in import MastodonSignIn
from directory.networks.port import SignIn, TokenSet
from directory.networks.sign_in_errors import NeedsSignIn, SignInError
from directory.proofs.post_url import XPostId
from directory.proofs.x_post import PostChecker
from directory.services.housekeeping import STEP, Housekeeping
from directory.services.linking import Linking
from directory.services.permissions import Permissions
from directory.services.profile_checking import ProfileChecking
from directory.services.proving import Proving
from directory.services.rechecking import Rechecking
from directory.store.rechecks import RecheckJob, RecheckStore
from directory.store.used_challenges import UsedChallengeStore

CLAIMED_AT_ONCE: Final = 8
"""Rows of one job that one process works on; their network requests run side by side."""
MAX_HOUSEKEEPING_STEPS: Final = 100

log = structlog.get_logger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobParts:
    """What the jobs work with."""

    clock: Clock
    proving: Proving
    used: UsedChallengeStore
    checker: PostChecker
    rechecks: RecheckStore
    permissions: Permissions
    networks: Mapping[AccountNetwork, SignIn]
    mastodon: MastodonSignIn
    linking: Linking
    links: ProfileChecking
    housekeeping: Housekeeping


class Jobs:
    """Each method does what is due now, a few rows of it, and returns how many it took up."""

    def __init__(self, parts: JobParts) -> None:
        self._parts = parts
        self._rechecking = Rechecking(parts.checker, parts.used, parts.networks, parts.mastodon, parts.links)

    async def check_posts(self) -> int:
        """Posts that members handed in."""
        return await _each(await self._parts.proving.claim_due(CLAIMED_AT_ONCE), self._check_post)

    async def check_links(self) -> int:
        """Profiles that are to link to their member's page."""
        return await _each(await self._parts.linking.claim_due(CLAIMED_AT_ONCE), self._check_links)

    async def look_again(self) -> int:
        """Published accounts whose proof is to be seen again."""
        now = self._parts.clock.now()
        return await _each(
            await self._parts.rechecks.claim_due_rechecks(now, CLAIMED_AT_ONCE), self._look_again
        )

    async def revoke(self) -> int:
        """Permissions that their networks are to be told to forget."""
        return await _each(await self._parts.permissions.claim_revocations(CLAIMED_AT_ONCE), self._revoke)

    async def tidy(self) -> int:
        """Puts away all that has run out."""
        total = 0
        for _ in range(MAX_HOUSEKEEPING_STEPS):
            done = await self._parts.housekeeping.run()
            total += sum(done.values())
            if max(done.values()) < STEP:
                break
        return total

    async def _check_post(self, job: ProofJob) -> None:
        """Somebody waits for it: broken off, it is due again at once, and not when its lease runs out."""
        try:
            result = await self._parts.checker.check(job.challenge.challenge, XPostId(job.check.post_id))
        except asyncio.CancelledError:
            await self._parts.proving.release(job)
            raise
        await self._parts.proving.record(job, result)

    async def _check_links(self, job: LinkJob) -> None:
        """The same for links."""
        try:
            seen = await self._parts.links.check(job)
        except asyncio.CancelledError:
            await self._parts.linking.release(job)
            raise
        await self._parts.linking.record(job, seen)

    async def _look_again(self, job: RecheckJob) -> None:
        outcome = await self._rechecking.recheck(job, self._parts.clock)
        await self._parts.rechecks.record(job, outcome, self._parts.clock.now())

    async def _revoke(self, claimed: tuple[Revocation, TokenSet | None]) -> None:
        revocation, tokens = claimed
        network = self._parts.networks.get(revocation.network)
        if tokens is None or network is None:
            await self._parts.permissions.finish_revocation(revocation)
            return
        try:
            await network.revoke(tokens, self._parts.clock.now())
        except NeedsSignIn:
            await self._parts.permissions.finish_revocation(revocation)  # the network knows it no more
        except SignInError:
            if not await self._parts.permissions.put_off_revocation(revocation):
                log.warning("a permission could not be given back in 30 days", issuer=revocation.issuer)
        else:
            await self._parts.permissions.finish_revocation(revocation)


async def _each(rows: list[T], work: Callable[[T], Awaitable[None]]) -> int:
    """All rows side by side. One that fails says nothing about the others: its lease brings it back."""
    results = await asyncio.gather(*(work(row) for row in rows), return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            log.error("a job failed and will be tried again", exc_info=result)
        elif isinstance(result, BaseException):
            raise result
    return len(rows)
