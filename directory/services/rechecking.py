"""Re-checks what was proven: a post on X, a link, a present handle, a Mastodon account that moved.

The networks are asked here; `directory.members.rechecks` judges the answers.
"""

from collections.abc import Awaitable, Mapping
from typing import TypeVar

from msgspec import UNSET, UnsetType

from directory.accounts import AccountNetwork, LinkedAccount, MastodonAccount, TargetAccount
from directory.clock import Clock
from directory.errors import InvalidIdentifier
from directory.identifiers import Acct
from directory.members.rechecks import (
    Gone,
    Moved,
    Outcome,
    Present,
    TargetSeen,
    is_by_link_alone,
    judge_target,
    judge_x,
    rests_on_link,
)
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
from directory.proofs.results import CheckResult, LinkResult, Unreachable
from directory.proofs.x_post import PostChecker
from directory.services.profile_checking import ProfileChecking
from directory.store.rechecks import RecheckJob
from directory.store.used_challenges import UsedChallengeStore

Told = TypeVar("Told")
_NO_ANSWER = Unreachable(UnreachableReason.NO_ANSWER)


class Rechecking:
    """Asks the networks and returns the outcome to record. Changes nothing."""

    def __init__(
        self,
        checker: PostChecker,
        used: UsedChallengeStore,
        networks: Mapping[AccountNetwork, SignIn],
        mastodon: MastodonSignIn,
        profiles: ProfileChecking,
    ) -> None:
        self._checker = checker
        self._used = used
        self._networks = networks
        self._mastodon = mastodon
        self._profiles = profiles

    async def recheck(self, job: RecheckJob, clock: Clock) -> Outcome:
        """Returns the outcome of a re-check: what became of an account since it was last checked."""
        account = job.account
        if account.target is None:
            return judge_x(account, await self._ask_of_x(account), job.attempt, clock.now())
        seen = await self._ask_of_target(account, account.target)
        return judge_target(account, seen, job.attempt, clock.now())

    async def _ask_of_x(self, account: LinkedAccount) -> CheckResult | LinkResult:
        if is_by_link_alone(account):
            return await self._profiles.recheck(account)
        post = _post_of(account)
        challenge = (
            await self._used.find_used_challenge(account.member, post.value) if post is not None else None
        )
        if post is None or challenge is None:
            return Unreachable(UnreachableReason.NO_SOURCE)
        return await self._checker.recheck(challenge, post, account.x.id if account.x is not None else None)

    async def _ask_of_target(self, account: LinkedAccount, target: TargetAccount) -> TargetSeen:
        try:
            there = await self._networks[account.network].current_account(target)
        except (AccountNotFound, IdentityMismatch):
            return Gone()
        except SignInError:
            return _NO_ANSWER
        try:
            moved = await self._ask_whether_moved(there)
        except ServerUnreachable:
            return _NO_ANSWER
        if isinstance(moved, Moved):
            return moved
        link = await self._profiles.recheck(account) if rests_on_link(account) else None
        return Present(there, link, moved)

    async def _ask_whether_moved(self, there: TargetAccount) -> Moved | Acct | UnsetType | None:
        """Returns where an account moved to, if both accounts state it; else the address that it alone states. None
        where its server says that it did not move, unset where no server tells.

        A move that cannot be verified carries nothing: the account is still present. Raises ServerUnreachable,
        where asking again may help.
        """
        if not isinstance(there, MastodonAccount):
            return UNSET
        home = await self._try(self._mastodon.moved_to(there))
        if not isinstance(home, MastodonAccount):
            return home
        is_confirmed = await self._try(self._mastodon.confirms_move(home, there))
        return Moved(home) if is_confirmed is True else home.acct

    async def _try(self, asking: Awaitable[Told]) -> Told | UnsetType:
        """Returns the answer; unset where the servers do not tell. Raises ServerUnreachable."""
        try:
            return await asking
        except NotForStrangers:
            return UNSET
        except ServerUnreachable:
            raise
        except SignInError:
            return UNSET


def _post_of(account: LinkedAccount) -> XPostId | None:
    """Finds the post that proves an X account, the newest first. Returns None where no evidence names one."""
    for item in account.evidence:
        if item.kind.is_x_post and item.ref is not None:
            try:
                return parse_post_url(item.ref)
            except InvalidIdentifier:
                continue
    return None
