"""Looking again at what was proven: a post on X, a link, a handle of today, a Mastodon account that moved."""

from collections.abc import Mapping

from directory.accounts import ID_EVIDENCE, AccountNetwork, LinkedAccount
from directory.clock import Clock
from directory.errors import InvalidIdentifier
from directory.identifiers import Acct, ActorUri, TargetHandle, TargetId
from directory.members.rechecks import (
    POST_EVIDENCE,
    Held,
    Lapsed,
    Moved,
    Outcome,
    Unlinked,
    doubted,
    health_of,
    is_by_link_alone,
    outcome_of,
    rests_on_link,
    unreachable,
)
from directory.networks.mastodon.identity import Identity
from directory.networks.mastodon.moved import NotForStrangers
from directory.networks.mastodon.sign_in import MastodonSignIn
from directory.networks.port import SignIn
from directory.networks.sign_in_errors import (
    AccountNotFound,
    IdentityMismatch,
    ServerUnreachable,
    SignInError,
)
from directory.proofs.post_url import XPostId, parse_post_url
from directory.proofs.reasons import UnreachableReason
from directory.proofs.results import CheckResult, Linked, LinkResult, Refuted, Unreachable, Verified
from directory.proofs.schedule import CONFIRM_AFTER, DELETED_LAPSES_AFTER, after_recheck
from directory.proofs.x_post import PostChecker
from directory.services.profile_looks import LinkLooks
from directory.store.rechecks import RecheckJob
from directory.store.used_challenges import UsedChallengeStore


class Looks:
    """Asks, and says what to write down. Changes nothing."""

    def __init__(
        self,
        checker: PostChecker,
        used: UsedChallengeStore,
        networks: Mapping[AccountNetwork, SignIn],
        mastodon: MastodonSignIn,
        links: LinkLooks,
    ) -> None:
        self._checker = checker
        self._used = used
        self._networks = networks
        self._mastodon = mastodon
        self._links = links

    async def look(self, job: RecheckJob, clock: Clock) -> Outcome:
        """What became of an account since it was last seen."""
        if job.account.network is AccountNetwork.X:
            return await self._look_at_x(job.account, clock)
        return await self._look_at_target(job, clock)

    async def _look_at_x(self, account: LinkedAccount, clock: Clock) -> Outcome:
        result = await self._recheck_x(account)
        health = after_recheck(health_of(account), result, clock.now(), str(account.id))
        return outcome_of(health, result.evidence if isinstance(result, Verified | Linked) else None)

    async def _recheck_x(self, account: LinkedAccount) -> CheckResult | LinkResult:
        if is_by_link_alone(account):
            return await self._links.look_again(account)
        post = _post_of(account)
        challenge = (
            await self._used.find_used_challenge(account.member, post.value) if post is not None else None
        )
        if post is None or challenge is None:
            return Unreachable(UnreachableReason.NO_SOURCE)
        is_by_id = any(item.kind in ID_EVIDENCE for item in account.evidence)
        return await self._checker.recheck(challenge, post, account.x_id if is_by_id else None)

    async def _look_at_target(self, job: RecheckJob, clock: Clock) -> Outcome:
        account, now = job.account, clock.now()
        if account.target is None:
            return unreachable(account, job.attempt, now)
        account_id, last = account.target
        try:
            handle = await self._networks[account.network].current_handle(account_id, last)
        except (AccountNotFound, IdentityMismatch):
            return doubted(account, now, DELETED_LAPSES_AFTER) or Lapsed()
        except SignInError:
            return unreachable(account, job.attempt, now)
        try:
            moved = await self._moved(account_id, handle)
        except ServerUnreachable:
            return unreachable(account, job.attempt, now)
        return moved or await self._look_at_link(job, str(handle), clock)

    async def _moved(self, account_id: TargetId, handle: TargetHandle) -> Moved | None:
        """Where to, if both accounts say so. A move to what cannot be believed is none: the account is there
        still. Raises ServerUnreachable, where asking again may help."""
        if not isinstance(account_id, ActorUri) or not isinstance(handle, Acct):
            return None
        try:
            there = await self._mastodon.moved_to(Identity(account_id, handle))
        except NotForStrangers:
            return None
        except ServerUnreachable:
            raise
        except SignInError:
            return None
        return Moved(there.actor, there.acct) if there is not None else None

    async def _look_at_link(self, job: RecheckJob, handle: str, clock: Clock) -> Outcome:
        """An account that is there as it was. Where its link was seen once, it is looked at as well."""
        account = job.account
        if not rests_on_link(account):
            return Held(handle)
        seen = await self._links.look_again(account)
        if isinstance(seen, Linked):
            return Held(handle, seen.evidence)
        if isinstance(seen, Refuted):
            return doubted(account, clock.now(), CONFIRM_AFTER) or Unlinked(handle)
        return unreachable(account, job.attempt, clock.now())


def _post_of(account: LinkedAccount) -> XPostId | None:
    """The post that proves an X account, the newest first."""
    for item in account.evidence:
        if item.kind in POST_EVIDENCE and item.ref is not None:
            try:
                return parse_post_url(item.ref)
            except InvalidIdentifier:
                continue
    return None
