"""Which accounts the sentence of a proof names. Pure.

A mapping leads only to an account that its proof names, so this decides what a proof can be published as.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from directory.accounts import AccountNetwork, LinkedAccount, TargetAccount
from directory.members.errors import AccountMoved, UnknownAccount
from directory.proofs.challenge import Challenge
from directory.proofs.sentence import MAX_TARGETS


def list_nameable(accounts: Sequence[LinkedAccount]) -> list[LinkedAccount]:
    """Lists the accounts that a proof can name: all on new networks whose own proof holds and that did not move, the
    first linked first."""
    return [
        each for each in accounts if each.target is not None and not each.is_lapsed and each.moved_to is None
    ]


def default_accounts(accounts: Sequence[LinkedAccount]) -> list[LinkedAccount]:
    """Lists the accounts that a proof names where its member chooses none: the first linked of each network.

    The first, so that an account which somebody added in a stolen session is named by nobody who does not choose it.
    """
    found: dict[AccountNetwork, LinkedAccount] = {}
    for each in list_nameable(accounts):
        found.setdefault(each.network, each)
    return list(found.values())


def choose_targets(
    accounts: Sequence[LinkedAccount], chosen: Collection[UUID]
) -> list[tuple[TargetAccount, ...]]:
    """Returns what a proof is to name, in the order of preference: the first whose names fit into one post counts.

    That is what was chosen and nothing else. Without a choice: all default accounts, else one of them. Raises
    UnknownAccount where there is no such account to name, or more than four are chosen; AccountMoved where all moved.
    """
    named = [each for each in list_nameable(accounts) if each.id in chosen]
    if len(named) != len(set(chosen)) or len(named) > MAX_TARGETS:
        raise UnknownAccount
    targets = _targets(named or default_accounts(accounts))
    if not targets and any(each.moved_to is not None for each in accounts):
        raise AccountMoved
    if not targets:
        raise UnknownAccount("there is no account that the proof could name")
    return [targets] if named else [targets, *((target,) for target in targets)]


def is_up_to_date(challenge: Challenge, accounts: Sequence[LinkedAccount], instance: str) -> bool:
    """Whether a challenge is of this instance, all that it names is the member's and holds, and it names an account of
    each network where the member has one."""
    nameable = list_nameable(accounts)
    held = {str(each.account.id) for each in nameable}
    networks = {target.network for target in challenge.targets}
    return (
        challenge.instance == instance
        and set(challenge.names) <= held
        and all(each.network in networks for each in nameable)
    )


def _targets(accounts: Sequence[LinkedAccount]) -> tuple[TargetAccount, ...]:
    return tuple(each.target for each in accounts if each.target is not None)
