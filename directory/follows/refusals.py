"""Plans whom an account would block or mute, as the member did on X. Pure.

Only sure ones: nobody is blocked for somebody else. Nobody is in such a plan for any other reason than the member's own list.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from directory.accounts import TargetAccount
from directory.follows.plan import Wishes, target_of
from directory.follows.runs import Plan, RunKind, Wanted
from directory.queries import Lists
from directory.ranking import Answer, Match

LIST_OF: Final[Mapping[RunKind, Lists]] = {RunKind.BLOCK: Lists.BLOCK, RunKind.MUTE: Lists.MUTE}


def plan_refusals(matches: Iterable[Match], kind: RunKind, wishes: Wishes) -> Plan:
    """Plans whom an account on one network would block, or mute: each once, never an account of the member's own."""
    wanted: dict[str, Wanted] = {}
    for match in matches:
        if LIST_OF[kind] in match.query.lists:
            for answer in match.answers:
                if (account := _refused(answer, wishes)) is not None:
                    wanted.setdefault(str(account.id), Wanted(account, match.query, is_ticked=False))
    return Plan(tuple(wanted.values()), ())


def _refused(answer: Answer, wishes: Wishes) -> TargetAccount | None:
    """Returns the account of an answer that is sure. None for any other."""
    account = target_of(answer.mapping)
    is_meant = answer.mapping.network is wishes.network and answer.may_follow and not answer.disputed
    if not is_meant or str(account.id) in wishes.own or wishes.is_closed(account):
        return None
    return account
