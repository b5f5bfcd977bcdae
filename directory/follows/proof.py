"""Holds a person in a run against what the directory answers now. Pure.

A plan can be days old when its turn comes: who withdrew since, or is disputed since, is followed by nobody.
"""

from directory.accounts import TargetAccount
from directory.follows.bridges import present_bridge
from directory.follows.plan import target_of
from directory.follows.reasons import Reason, reason_of_doubt
from directory.follows.runs import Item, RunKind
from directory.ranking import Match


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
            return reason_of_doubt(answer.doubt)
    account = target_of(answer.mapping)
    if not item.bridge_of:
        return account
    return present_bridge(item.account, account) or Reason.NOT_THAT_ID
