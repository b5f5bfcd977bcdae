"""Plans a run: from what was found for a list to whom one account would follow, and who is left out and why. Pure.

Each account is wanted once, whoever else leads to it. Whom the account follows already is seen by the run itself,
which reads them first.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

import msgspec

from directory.accounts import BlueskyAccount, MastodonAccount, TargetAccount
from directory.choosing import is_chosen_unasked
from directory.follows.reasons import Reason, reason_of_doubt
from directory.follows.runs import LeftOut, Plan, Wanted
from directory.identifiers import Acct, ActorUri, AtHandle, Did
from directory.mappings import Mapping as Mapped
from directory.mappings import Network
from directory.queries import Query
from directory.ranking import Answer, Match

TAKE_A_TICK: Final = frozenset(
    {
        Reason.CHOSEN_AWAY,
        Reason.NEEDS_TICK,
        Reason.LIMITED,
        Reason.NAME_SEEN_LONG_AGO,
        Reason.NAME_OF_UNKNOWN_AGE,
    }
)
"""Whoever is left out for one of these is taken in by a tick."""

IsTicked = Callable[[Query, Answer], bool]


class Known(msgspec.Struct, frozen=True):
    """What the network says of an account: MOVED, GONE, LABELLED, NOT_THAT_ID or NONE; and where it moved to."""

    reason: Reason
    moved_to: TargetAccount | None = None


NOTHING_KNOWN: Final = Known(Reason.NONE)


class Wishes(msgspec.Struct, frozen=True):
    """What a plan depends on besides the matches. Accounts are named by the text of their ids.

    `own`: the member's own accounts. `ignored`: whom they do not want offered any more. `known`: what is known of
    accounts. `is_closed`: whether the operators let nobody follow an account.
    """

    network: Network
    is_ticked: IsTicked
    own: Collection[str] = frozenset()
    ignored: Collection[str] = frozenset()
    known: Mapping[str, Known] = {}
    is_closed: Callable[[TargetAccount], bool] = lambda _account: False


def plan_follows(matches: Iterable[Match], wishes: Wishes) -> Plan:
    """Plans whom an account on one network would follow, surest first, and tells who is left out.

    An account has one row, whoever leads to it. So whoever takes that tick away leaves the account out, though another
    person on X leads to it, too.
    """
    wanted: dict[str, tuple[Answer, Wanted]] = {}
    left_out: dict[str, LeftOut] = {}
    for match in matches:
        here = [answer for answer in match.answers if answer.mapping.network is wishes.network]
        if not here:
            _put_elsewhere(match, wishes, left_out)
        for answer in here:
            _put(match.query, answer, wishes, wanted, left_out)
    for key, each in left_out.items():
        if each.reason is Reason.CHOSEN_AWAY:
            wanted.pop(key, None)
    ordered = sorted(wanted.values(), key=lambda each: _sureness(*each))
    return Plan(
        tuple(each for _, each in ordered),
        tuple(each for key, each in left_out.items() if key not in wanted),
    )


def may_be_bridged(plan: Plan) -> dict[str, LeftOut]:
    """Returns whom a bridged account may stand for, by the texts of their ids: who is on the other network only."""
    return {
        str(each.account.id): each
        for each in plan.left_out
        if each.reason is Reason.OTHER_NETWORK and each.account is not None
    }


def with_bridges(plan: Plan, bridged: Mapping[str, TargetAccount]) -> Plan:
    """Adds the bridged accounts of people who were left out, which the member ticked each and which were seen to exist."""
    others = may_be_bridged(plan)
    chosen = {key: account for key, account in bridged.items() if key in others}
    added = [Wanted(account, others[key].query, True, key) for key, account in chosen.items()]
    left_out = [each for each in plan.left_out if each.account is None or str(each.account.id) not in chosen]
    return Plan((*plan.wanted, *added), tuple(left_out))


def target_of(mapping: Mapped) -> TargetAccount:
    """Returns the account that a mapping leads to."""
    match mapping.target_id, mapping.target_handle:
        case Did() as did, AtHandle() as handle:
            return BlueskyAccount(did, handle)
        case ActorUri() as uri, Acct() as acct:
            return MastodonAccount(uri, acct)
        case _:
            raise ValueError("a mapping's id and handle are of one network")


def reason_of(query: Query, answer: Answer, wishes: Wishes) -> Reason:
    """Returns why an answer is left out; NONE where it is wanted."""
    target = str(answer.mapping.target_id)
    if target in wishes.own:
        return Reason.OWN_ACCOUNT
    if query.lists.is_refused or answer.refused_as is not None:
        return Reason.REFUSED_ON_X
    if answer.disputed:
        return Reason.DISPUTED
    if target in wishes.ignored:
        return Reason.CHOSEN_AWAY
    if wishes.is_closed(target_of(answer.mapping)):
        return Reason.SWITCHED_OFF
    if (known := wishes.known.get(target, NOTHING_KNOWN)).reason is not Reason.NONE:
        return known.reason
    return Reason.NONE if wishes.is_ticked(query, answer) else _why_not_ticked(query, answer)


def _put(
    query: Query,
    answer: Answer,
    wishes: Wishes,
    wanted: dict[str, tuple[Answer, Wanted]],
    left_out: dict[str, LeftOut],
) -> None:
    account, key = target_of(answer.mapping), str(answer.mapping.target_id)
    reason = reason_of(query, answer, wishes)
    if reason is not Reason.NONE:
        instead = wishes.known.get(key, NOTHING_KNOWN).moved_to
        here = LeftOut(query, account, reason, instead)
        if left_out.setdefault(key, here).reason is not Reason.CHOSEN_AWAY and reason is Reason.CHOSEN_AWAY:
            left_out[key] = here
        return
    found = answer, Wanted(account, query, not is_chosen_unasked(query, answer))
    if key not in wanted or _sureness(*found) < _sureness(*wanted[key]):
        wanted[key] = found


def _put_elsewhere(match: Match, wishes: Wishes, left_out: dict[str, LeftOut]) -> None:
    """Notes somebody whose accounts are all on another network, and who would have been wanted."""
    if match.query.lists.is_wanted and match.answers:
        answer = match.answers[0]
        target = str(answer.mapping.target_id)
        instead = wishes.known.get(target, NOTHING_KNOWN).moved_to
        left_out.setdefault(
            target,
            LeftOut(match.query, target_of(answer.mapping), _why_elsewhere(target, answer, wishes), instead),
        )


def _why_elsewhere(target: str, answer: Answer, wishes: Wishes) -> Reason:
    """Returns why somebody of the other network is left out. No copy is offered of an account that is refused, gone, moved,
    or said to pretend."""
    if target in wishes.own:
        return Reason.OWN_ACCOUNT
    if answer.refused_as is not None:
        return Reason.REFUSED_ON_X
    if answer.disputed:
        return Reason.DISPUTED
    return wishes.known.get(target, NOTHING_KNOWN).reason or Reason.OTHER_NETWORK


def _why_not_ticked(query: Query, answer: Answer) -> Reason:
    if is_chosen_unasked(query, answer):
        return Reason.CHOSEN_AWAY
    return reason_of_doubt(answer.doubt)


def _sureness(answer: Answer, wanted: Wanted) -> tuple[bool, int, bool, str]:
    """Returns the sort key, surest first."""
    mapping = answer.mapping
    return wanted.is_ticked, -mapping.strength, answer.matched_by == "handle", str(mapping.target_handle)
