"""Checks that the accounts which a proof post names still bear the names that the post shows.

A person who posts the sentence reads names; what the proof binds are ids. Without this, whoever gives a name away keeps
it in an open sentence: its next bearer reads their own true name there, posts it, and proves the former bearer's account.
"""

from collections.abc import Mapping

from directory.accounts import AccountNetwork, TargetAccount
from directory.failures import Failing, failures_noted
from directory.networks.port import SignIn
from directory.networks.sign_in_errors import (
    AccountNotFound,
    IdentityMismatch,
    ServerMisbehaved,
    ServerNotSecure,
    SignInError,
)
from directory.proofs.challenge import Challenge
from directory.proofs.reasons import RefutedReason, UnreachableReason
from directory.proofs.results import CheckResult, Refuted, Unreachable, Verified


class NameChecking:
    """Asks the networks. Changes nothing."""

    def __init__(self, networks: Mapping[AccountNetwork, SignIn]) -> None:
        self._networks = networks

    async def confirm(self, challenge: Challenge, result: CheckResult) -> CheckResult:
        """Returns the result of a check, refuted where a name in its sentence is borne by another account now, or by
        none; unreachable where a network does not tell."""
        if not isinstance(result, Verified):
            return result
        for target in challenge.targets:
            refused = await self._compare(target)
            if refused is not None:
                return refused
        return result

    async def _compare(self, target: TargetAccount) -> Refuted | Unreachable | None:
        try:
            with failures_noted(Failing.POST_CHECK, SignInError):
                there = await self._networks[target.network].current_account(target)
        except (AccountNotFound, IdentityMismatch):
            return Refuted(RefutedReason.NAME_PASSED_ON)
        except ServerNotSecure:
            return Unreachable(UnreachableReason.NAME_NOT_SECURE)
        except ServerMisbehaved:
            return Unreachable(UnreachableReason.NAME_NO_SERVER)
        except SignInError:
            return Unreachable(UnreachableReason.NAME_UNSEEN)
        same = there.id == target.id and there.handle.key == target.handle.key
        return None if same else Refuted(RefutedReason.NAME_PASSED_ON)
