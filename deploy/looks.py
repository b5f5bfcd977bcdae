"""Looking again at what was proven: a post on X, a handle of today, a Mastodon account that moved."""

from collections.abc import Mapping

import msgspec

from directory.clock import Clock
from directory.errors import InvalidIdentifier
from directory.identifiers import Acct
from directory.mappings import EvidenceKind
from directory.members.accounts import ID_EVIDENCE, AccountNetwork, LinkedAccount
from directory.members.rechecks import (
    Doubtful,
    Held,
    Lapsed,
    Moved,
    Outcome,
    health_of,
    outcome_of,
    unreachable,
)
from directory.networks.errors import NetworkError
from directory.networks.http import GuardedClient
from directory.networks.mastodon.identity import Identity
from directory.networks.mastodon.sign_in import MastodonSignIn
from directory.networks.port import SignIn
from directory.networks.sign_in_errors import AccountNotFound, IdentityMismatch, SignInError
from directory.proofs.post_url import XPostId, parse_post_url
from directory.proofs.reasons import UnreachableReason
from directory.proofs.results import CheckResult, Unreachable, Verified
from directory.proofs.schedule import CONFIRM_AFTER, DELETED_LAPSES_AFTER, ProofState, after_recheck
from directory.proofs.x_post import PostChecker
from directory.store.rechecks import RecheckJob
from directory.store.used_challenges import UsedChallengeStore

_ACTIVITY = "application/activity+json"
_POST_EVIDENCE = frozenset({EvidenceKind.X_POST_ID, EvidenceKind.X_POST_HANDLE})


class _Aliases(msgspec.Struct):
    id: str
    alsoKnownAs: list[str] | str = []


class Looks:
    """Asks, and says what to write down. Changes nothing."""

    def __init__(
        self,
        checker: PostChecker,
        used: UsedChallengeStore,
        networks: Mapping[AccountNetwork, SignIn],
        mastodon: MastodonSignIn,
        http: GuardedClient,
    ) -> None:
        self._checker = checker
        self._used = used
        self._networks = networks
        self._mastodon = mastodon
        self._http = http

    async def look(self, job: RecheckJob, clock: Clock) -> Outcome:
        """What became of an account since it was last seen."""
        if job.account.network is AccountNetwork.X:
            return await self._look_at_x(job.account, clock)
        return await self._look_at_target(job, clock)

    async def _look_at_x(self, account: LinkedAccount, clock: Clock) -> Outcome:
        result = await self._recheck_post(account)
        health = after_recheck(health_of(account), result, clock.now(), str(account.id))
        return outcome_of(health, result.evidence if isinstance(result, Verified) else None)

    async def _recheck_post(self, account: LinkedAccount) -> CheckResult:
        post = _post_of(account)
        challenge = await self._used.find(account.member, post.value) if post is not None else None
        if post is None or challenge is None:
            return Unreachable(UnreachableReason.NO_SOURCE)
        is_by_id = any(item.kind in ID_EVIDENCE for item in account.evidence)
        return await self._checker.recheck(challenge, post, account.x_id if is_by_id else None)

    async def _look_at_target(self, job: RecheckJob, clock: Clock) -> Outcome:
        account, now = job.account, clock.now()
        if account.target is None:
            return unreachable(account, job.attempt, now)
        account_id, handle = account.target
        try:
            if isinstance(handle, Acct):
                moved = await self._moved(account, handle)
                if moved is not None:
                    return moved
            return Held(str(await self._networks[account.network].current_handle(account_id, handle)))
        except (AccountNotFound, IdentityMismatch):
            # Nothing is taken back on one look: a server may be misconfigured for a day.
            since = account.health_since if account.health is ProofState.IN_DOUBT else None
            if since is not None and now - since >= DELETED_LAPSES_AFTER:
                return Lapsed()
            return Doubtful(ProofState.IN_DOUBT, since or now, now + CONFIRM_AFTER)
        except SignInError:
            return unreachable(account, job.attempt, now)

    async def _moved(self, account: LinkedAccount, acct: Acct) -> Moved | None:
        """Where to, if both accounts say so. Raises SignInError."""
        there: Identity | None = await self._mastodon.moved_to(acct)
        if there is None or not await self._names_back(there, account.account_id):
            return None
        return Moved(there.actor, there.acct)

    async def _names_back(self, there: Identity, former: str) -> bool:
        """Whether the new account names the old one as its own too: nobody can be made the home of strangers.

        A server that shows actors to none but other servers leaves that open: the member signs in there.
        """
        try:
            answer = await self._http.get(str(there.actor), headers={"accept": _ACTIVITY})
            document = answer.expect(200).parse(_Aliases)
        except NetworkError:
            return False
        aliases = [document.alsoKnownAs] if isinstance(document.alsoKnownAs, str) else document.alsoKnownAs
        return document.id == str(there.actor) and former in aliases


def _post_of(account: LinkedAccount) -> XPostId | None:
    """The post that proves an X account, the newest first."""
    for item in account.evidence:
        if item.kind in _POST_EVIDENCE and item.ref is not None:
            try:
                return parse_post_url(item.ref)
            except InvalidIdentifier:
                continue
    return None
