"""Re-checks what was proven: a post on X, a link, a present handle, a Mastodon account that moved.

The networks are asked here; `directory.members.rechecks` judges the answers.
"""

from collections.abc import Awaitable, Mapping
from typing import TypeVar

from msgspec import UNSET, UnsetType

from directory.accounts import AccountNetwork, LinkedAccount, MastodonAccount, TargetAccount
from directory.clock import Clock
from directory.failures import Failing, failures_noted
from directory.identifiers import Acct
from directory.mappings import Evidence
from directory.members.claims import find_post
from directory.members.rechecks import (
    Gone,
    Moved,
    Outcome,
    Present,
    TargetSeen,
    XSeen,
    judge_target,
    judge_x,
    rests_on_link,
)
from directory.members.renewal import is_link_evidence, list_checkable
from directory.networks.mastodon.moved import NotForStrangers
from directory.networks.mastodon.sign_in import MastodonSignIn
from directory.networks.port import SignIn
from directory.networks.sign_in_errors import (
    AccountNotFound,
    IdentityMismatch,
    ServerUnreachable,
    SignInError,
)
from directory.proofs.noting import note_result
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

    async def _ask_of_x(self, account: LinkedAccount) -> list[XSeen]:
        seen = [XSeen(piece, await self._ask_again(account, piece)) for piece in list_checkable(account)]
        for each in seen:
            note_result(Failing.RECHECK, each.result)
        return seen

    async def _ask_again(self, account: LinkedAccount, piece: Evidence) -> CheckResult | LinkResult:
        if is_link_evidence(piece):
            return await self._profiles.recheck(account)
        post = find_post((piece,))
        challenge = (
            await self._used.find_used_challenge(account.member, post.value) if post is not None else None
        )
        if post is None or challenge is None:
            return Unreachable(UnreachableReason.NO_SOURCE)
        return await self._checker.recheck(challenge, post, account.x.id if account.x is not None else None)

    async def _ask_of_target(self, account: LinkedAccount, target: TargetAccount) -> TargetSeen:
        """Returns what is seen of a new account. Where nobody tells whether it moved, it is there, and asked about again."""
        try:
            with failures_noted(Failing.RECHECK, SignInError):
                there = await self._networks[account.network].current_account(target)
        except (AccountNotFound, IdentityMismatch):
            return Gone()
        except SignInError:
            return _NO_ANSWER
        try:
            moved = await self._ask_whether_moved(there)
        except ServerUnreachable:
            return Present(there, _NO_ANSWER)
        if isinstance(moved, Moved):
            return moved
        link = await self._profiles.recheck(account) if rests_on_link(account) else None
        return Present(there, link, moved, await self._ask_for_page(there))

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

    async def _ask_for_page(self, there: TargetAccount) -> str | UnsetType | None:
        """Returns the address of a profile as its server tells it now; unset where it does not answer."""
        if not isinstance(there, MastodonAccount):
            return UNSET
        try:
            return await self._mastodon.find_page(there)
        except SignInError:
            return UNSET

    async def _try(self, asking: Awaitable[Told]) -> Told | UnsetType:
        """Returns the answer; unset where the servers do not tell. Raises ServerUnreachable."""
        try:
            with failures_noted(Failing.RECHECK, SignInError):
                return await asking
        except NotForStrangers:
            return UNSET
        except ServerUnreachable:
            raise
        except SignInError:
            return UNSET
