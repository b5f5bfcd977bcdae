"""Holds a person in a run against what the directory answers now. Pure.

A plan can be days old when its turn comes: who withdrew since, or is disputed since, is followed by nobody.
"""

from collections.abc import Mapping as Map
from typing import Final

from directory.accounts import BlueskyAccount, MastodonAccount, TargetAccount
from directory.doubts import Doubt
from directory.follows.bridges import present_bridge
from directory.follows.reasons import Reason
from directory.follows.runs import Item, RunKind
from directory.identifiers import Acct, ActorUri, AtHandle, Did
from directory.ranking import Answer, Match

_REASONS: Final[Map[Doubt, Reason]] = {
    Doubt.DISPUTED: Reason.DISPUTED,
    Doubt.LIMITED: Reason.LIMITED,
    Doubt.STALE: Reason.LIMITED,
    Doubt.LINKS_ONLY: Reason.NEEDS_TICK,
    Doubt.UNCHECKED: Reason.NEEDS_TICK,
    Doubt.NAME_SEEN_LONG_AGO: Reason.NAME_SEEN_LONG_AGO,
    Doubt.NAME_OF_UNKNOWN_AGE: Reason.NAME_OF_UNKNOWN_AGE,
}


def reason_of(doubt: Doubt) -> Reason:
    """Returns why somebody is left out for a doubt."""
    return _REASONS[doubt]


def present_account(item: Item, match: Match | None, kind: RunKind) -> TargetAccount | Reason:
    """Returns the account of an item under its present name, or why it is not to be followed any more.

    `match` is what the directory answers to the item's query now; None where it answers nothing.
    """
    wanted = item.bridge_of or str(item.account.id)
    answers = match.answers if match is not None else ()
    answer = next((each for each in answers if str(each.mapping.target_id) == wanted), None)
    if answer is None:
        return Reason.WITHDRAWN
    if answer.disputed:
        return Reason.DISPUTED
    if kind is RunKind.FOLLOW and item.query.lists.is_refused:
        return Reason.REFUSED_ON_X
    if not item.is_ticked:
        if item.bridge_of:
            return Reason.NEEDS_TICK
        if answer.doubt is not None:
            return reason_of(answer.doubt)
    account = account_of(answer)
    if not item.bridge_of:
        return account
    return present_bridge(item.account, account) or Reason.NOT_THAT_ID


def account_of(answer: Answer) -> TargetAccount:
    """Returns the account that an answer names."""
    target, handle = answer.mapping.target_id, answer.mapping.target_handle
    if isinstance(target, Did) and isinstance(handle, AtHandle):
        return BlueskyAccount(target, handle)
    if isinstance(target, ActorUri) and isinstance(handle, Acct):
        return MastodonAccount(target, handle)
    raise ValueError("the id and the handle of a mapping are of different networks")
