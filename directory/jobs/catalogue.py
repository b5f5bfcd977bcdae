"""The kinds of jobs: each claims a due row, runs it, and records the result.

Every step can be repeated: a process that ends in the middle leaves a row whose lease runs out. A result that
comes too late changes nothing.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from directory.accounts import AccountNetwork
from directory.clock import Clock
from directory.failures import Failing, failures_noted
from directory.jobs.kinds import Kind, Work
from directory.members.challenges import CHECK_LEASE, ProofJob
from directory.members.claims import LOOK_LEASE
from directory.members.job_kinds import JobKind
from directory.members.newcomer_messages import MESSAGE_LEASE
from directory.members.page_links import LinkJob
from directory.members.rechecks import RECHECK_LEASE
from directory.members.tokens import REVOCATION_LEASE, Revocation
from directory.networks.mastodon.sign_in import MastodonSignIn
from directory.networks.port import SignIn, TokenSet
from directory.networks.sign_in_errors import NeedsSignIn, SignInError
from directory.proofs.noting import note_result
from directory.proofs.post_url import XPostId
from directory.proofs.x_post import PostChecker
from directory.services.claiming import Claiming
from directory.services.housekeeping import STEP, Housekeeping
from directory.services.message_sending import MessageSending
from directory.services.name_checking import NameChecking
from directory.services.newcomers import Newcomers
from directory.services.page_links import PageLinks
from directory.services.permissions import Permissions
from directory.services.profile_checking import ProfileChecking
from directory.services.proving import Proving
from directory.services.rechecking import Rechecking
from directory.services.run_steps import RunSteps
from directory.services.standing import Standing
from directory.store.arrivals import ARRIVAL_LEASE
from directory.store.follow_runs import RUN_LEASE
from directory.store.rechecks import RecheckJob, RecheckStore
from directory.store.used_challenges import UsedChallengeStore

SLOTS: Final = {
    JobKind.POSTS: 4,
    JobKind.LINKS: 4,
    JobKind.RECHECKS: 8,
    JobKind.CLAIMS: 1,
    JobKind.REVOCATIONS: 4,
    JobKind.ARRIVALS: 1,
    JobKind.FOLLOWS: 8,
    JobKind.STANDING: 1,
    JobKind.MESSAGES: 2,
    JobKind.HOUSEKEEPING: 1,
}
"""Rows of a kind that one process runs at a time. For posts it is the number of connections that the guarded client
keeps to one host: one more would hit our own limit, take that for an unreachable X, and settle for a weaker source."""
EVERY_S: Final = 2.0
"""Between two claims where nothing is due. Whoever submits work that a member waits for wakes the worker."""
RECHECKS_EVERY_S: Final = 30.0
STANDING_EVERY_S: Final = 5.0
STANDING_LEASE: Final = timedelta(minutes=4)
"""A batch takes half of it at most; there is no lease in the row."""
TIDY_EVERY_S: Final = 300.0
TIDY_LIMIT_S: Final = 600.0
MAX_HOUSEKEEPING_STEPS: Final = 100

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobParts:
    """The stores and services that the jobs use."""

    clock: Clock
    proving: Proving
    used: UsedChallengeStore
    checker: PostChecker
    names: NameChecking
    rechecks: RecheckStore
    claiming: Claiming
    permissions: Permissions
    networks: Mapping[AccountNetwork, SignIn]
    mastodon: MastodonSignIn
    page_links: PageLinks
    links: ProfileChecking
    newcomers: Newcomers
    steps: RunSteps
    standing: Standing
    messages: MessageSending
    housekeeping: Housekeeping


class Jobs:
    """Each `claim_` method claims one due row, which is then run or released. Returns None where none is due."""

    def __init__(self, parts: JobParts) -> None:
        self._parts = parts
        self._rechecking = Rechecking(parts.checker, parts.used, parts.networks, parts.mastodon, parts.links)

    def kinds(self) -> tuple[Kind, ...]:
        """Returns all kinds; those that a member waits for come first."""
        return (
            _kind(JobKind.POSTS, self.claim_post, CHECK_LEASE, is_awaited=True),
            _kind(JobKind.LINKS, self.claim_links, CHECK_LEASE, is_awaited=True),
            _kind(JobKind.REVOCATIONS, self.claim_revocation, REVOCATION_LEASE, is_awaited=True),
            _kind(JobKind.RECHECKS, self.claim_recheck, RECHECK_LEASE, every_s=RECHECKS_EVERY_S),
            _kind(JobKind.CLAIMS, self.claim_claim, LOOK_LEASE, every_s=RECHECKS_EVERY_S),
            _kind(JobKind.ARRIVALS, self.claim_arrival, ARRIVAL_LEASE),
            _kind(JobKind.FOLLOWS, self.claim_follows, RUN_LEASE, is_awaited=True),
            _kind(JobKind.STANDING, self.claim_standing, STANDING_LEASE, every_s=STANDING_EVERY_S),
            _kind(JobKind.MESSAGES, self.claim_message, MESSAGE_LEASE, is_awaited=True),
            Kind(
                name=JobKind.HOUSEKEEPING,
                claim=self.claim_housekeeping,
                slots=SLOTS[JobKind.HOUSEKEEPING],
                limit_s=TIDY_LIMIT_S,
                every_s=TIDY_EVERY_S,
                is_refilled=False,
            ),
        )

    async def claim_post(self, _busy: Collection[str]) -> Work | None:
        """Claims a due check of a proof post. All posts ask the same sources, so busy hosts make no difference."""
        jobs = await self._parts.proving.claim_due(1)
        if not jobs:
            return None
        release = partial(self._parts.proving.release, jobs[0])
        return Work(run=partial(self._check_post, jobs[0]), release=release)

    async def claim_links(self, busy: Collection[str]) -> Work | None:
        """Claims a due check that a member's profiles link to their page."""
        jobs = await self._parts.page_links.claim_due(1, busy)
        if not jobs:
            return None
        release = partial(self._parts.page_links.release, jobs[0])
        return Work(run=partial(self._check_links, jobs[0]), release=release, hosts=jobs[0].hosts)

    async def claim_recheck(self, busy: Collection[str]) -> Work | None:
        """Claims a published account that is due for its re-check."""
        jobs = await self._parts.rechecks.claim_due_rechecks(self._parts.clock.now(), 1, busy)
        if not jobs:
            return None
        release = partial(self._release_recheck, jobs[0])
        return Work(run=partial(self._recheck, jobs[0]), release=release, hosts=jobs[0].hosts)

    async def claim_claim(self, busy: Collection[str]) -> Work | None:
        """Claims an approved claim whose evidence is due to be looked at."""
        jobs = await self._parts.claiming.claim_due(1, busy)
        if not jobs:
            return None
        return Work(
            run=partial(self._parts.claiming.look_again, jobs[0]),
            release=partial(self._parts.claiming.release, jobs[0]),
            hosts=jobs[0].hosts,
        )

    async def claim_revocation(self, busy: Collection[str]) -> Work | None:
        """Claims a token that its network is due to revoke."""
        claimed = await self._parts.permissions.claim_revocations(1, busy)
        if not claimed:
            return None
        revocation, tokens = claimed[0]
        release = partial(self._parts.permissions.release_revocation, revocation)
        return Work(run=partial(self._revoke, revocation, tokens), release=release, hosts=revocation.hosts)

    async def claim_arrival(self, _busy: Collection[str]) -> Work | None:
        """Claims mappings that were taken in, to match them with kept lists. Asks no other server."""
        arrival = await self._parts.newcomers.claim_arrival()
        if arrival is None:
            return None
        release = partial(self._parts.newcomers.release_arrival, arrival)
        return Work(run=partial(self._parts.newcomers.meet, arrival), release=release)

    async def claim_follows(self, busy: Collection[str]) -> Work | None:
        """Claims the follow run that has been due for longest, for one step."""
        step = await self._parts.steps.claim(busy)
        if step is None:
            return None
        release = partial(self._parts.steps.release, step)
        return Work(run=partial(self._parts.steps.take, step), release=release, hosts=(step.run.host,))

    async def claim_standing(self, _busy: Collection[str]) -> Work | None:
        """Claims a wish to follow newcomers whose batch of the day is still to be made. The batch of a process that is killed
        comes the day after: who came is still among the newcomers then."""
        wish = await self._parts.standing.claim()
        if wish is None:
            return None
        release = partial(self._parts.standing.release, wish)
        return Work(run=partial(self._parts.standing.follow_newcomers, wish), release=release)

    async def claim_message(self, busy: Collection[str]) -> Work | None:
        """Claims a message about newcomers that is due; one at a time on each network."""
        job = await self._parts.messages.claim_due(busy)
        if job is None:
            return None
        release = partial(self._parts.messages.release, job)
        return Work(run=partial(self._parts.messages.run, job), release=release, hosts=job.hosts)

    async def claim_housekeeping(self, _busy: Collection[str]) -> Work | None:
        """Returns the deletion of what has expired. Claims no row: any number of processes can run each step."""
        return Work(run=self._tidy, release=_nothing)

    async def _check_post(self, job: ProofJob) -> None:
        challenge = job.challenge.challenge
        post = XPostId(job.check.post_id)
        seen = await self._parts.checker.check(challenge, post, handed_in=job.check.created)
        result = await self._parts.names.confirm(challenge, seen)
        note_result(Failing.POST_CHECK, result)
        await self._parts.proving.record(job, result)

    async def _check_links(self, job: LinkJob) -> None:
        seen = await self._parts.links.check(job)
        for result in (seen.x, *seen.new.values()):
            note_result(Failing.LINK_CHECK, result)
        await self._parts.page_links.record(job, seen)

    async def _recheck(self, job: RecheckJob) -> None:
        outcome = await self._rechecking.recheck(job, self._parts.clock)
        await self._parts.rechecks.record_recheck(job, outcome, self._parts.clock.now())

    async def _release_recheck(self, job: RecheckJob) -> None:
        await self._parts.rechecks.release_recheck(job, self._parts.clock.now())

    async def _revoke(self, revocation: Revocation, tokens: TokenSet | None) -> None:
        network = self._parts.networks.get(revocation.network)
        if tokens is None or network is None:
            await self._parts.permissions.finish_revocation(revocation)
            return
        if not await self._parts.permissions.begin_revocation(revocation):
            return
        try:
            with failures_noted(Failing.REVOCATION, SignInError):
                await network.revoke(tokens, self._parts.clock.now())
        except NeedsSignIn:
            await self._parts.permissions.finish_revocation(
                revocation
            )  # the network no longer knows the token
        except SignInError:
            if not await self._parts.permissions.reschedule_revocation(revocation):
                log.warning("a permission could not be given back in 30 days", issuer=revocation.issuer)
        else:
            await self._parts.permissions.finish_revocation(revocation)

    async def _tidy(self) -> None:
        full: Collection[str] | None = None
        for _ in range(MAX_HOUSEKEEPING_STEPS):
            done = await self._parts.housekeeping.run(full)
            full = [table for table, count in done.items() if count >= STEP]
            if not full:
                break


def _kind(
    name: JobKind,
    claim: Callable[[Collection[str]], Awaitable[Work | None]],
    lease: timedelta,
    *,
    every_s: float = EVERY_S,
    is_awaited: bool = False,
) -> Kind:
    """Makes a kind whose jobs may take half of the lease, so that they end before another may claim the row."""
    return Kind(
        name=name,
        claim=claim,
        slots=SLOTS[name],
        limit_s=lease.total_seconds() / 2,
        every_s=every_s,
        is_awaited=is_awaited,
    )


async def _nothing() -> None:
    """Releases nothing: no row was claimed."""
