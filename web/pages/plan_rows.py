"""A plan as a person sees it: the people of one page, and how long it takes in words. Pure."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final

import msgspec

from directory.accounts import TargetAccount
from directory.follows.plan import TAKE_A_TICK, target_of
from directory.follows.reasons import Reason
from directory.follows.runs import LeftOut, Plan, Wanted
from directory.queries import Query
from directory.ranking import Answer, Match
from web.pages.follow_form import Part
from web.pages.ticks import key_of

PAGE_PEOPLE: Final = 50


class PlanRow(msgspec.Struct, frozen=True):
    """One person: the account, the X account that led there, and the answer where there is one. `key` is that of the
    tick; empty where no tick changes anything."""

    account: TargetAccount | None
    query: Query
    answer: Answer | None
    reason: Reason
    key: str
    is_ticked: bool
    is_ignored: bool
    instead: TargetAccount | None = None
    bridged: TargetAccount | None = None
    """The copy on this network that a bridge keeps."""

    @property
    def x_name(self) -> str:
        """The name on X, as it was asked for or proven."""
        if self.query.x_handle is not None:
            return str(self.query.x_handle)
        return str(self.answer.mapping.x_handle) if self.answer is not None else ""


class PlanPage(msgspec.Struct, frozen=True):
    """One page of people, and its place among the pages."""

    rows: tuple[PlanRow, ...]
    number: int
    pages: int
    part: Part


class Span(msgspec.Struct, frozen=True):
    """A length of time in words: so many minutes, hours or days, rounded up."""

    unit: str
    count: int

    @classmethod
    def of(cls, length: timedelta) -> "Span":
        minutes = math.ceil(length / timedelta(minutes=1))
        if minutes <= 90:
            return cls("minutes", max(1, minutes))
        hours = math.ceil((length - timedelta(minutes=6)) / timedelta(hours=1))
        return cls("hours", hours) if hours < 36 else cls("days", math.ceil(length / timedelta(days=1)))


def plan_page(
    plan: Plan, matches: Iterable[Match], part: Part, number: int, ignored: frozenset[str]
) -> PlanPage:
    """Returns the page that is asked for, or the nearest that exists."""
    people: Sequence[Wanted | LeftOut] = plan.wanted if part is Part.WANTED else plan.left_out
    pages = max(1, -(-len(people) // PAGE_PEOPLE))
    number = min(max(1, number), pages)
    shown = people[(number - 1) * PAGE_PEOPLE : number * PAGE_PEOPLE]
    answers = _answers_of(shown, matches)
    return PlanPage(tuple(_row(each, answers, ignored) for each in shown), number, pages, part)


def may_be_bridged_on(page: PlanPage) -> list[TargetAccount]:
    """Returns the people of a page for whom a bridge is asked."""
    return [
        row.account for row in page.rows if row.account is not None and row.reason is Reason.OTHER_NETWORK
    ]


def with_bridged(page: PlanPage, found: Mapping[str, TargetAccount]) -> PlanPage:
    """Adds the bridged accounts that were found, by the texts of the ids they stand for."""
    rows = tuple(
        msgspec.structs.replace(row, bridged=found.get(str(row.account.id)))
        if row.reason is Reason.OTHER_NETWORK and row.account is not None
        else row
        for row in page.rows
    )
    return msgspec.structs.replace(page, rows=rows)


def count_reasons(plan: Plan) -> list[tuple[Reason, int]]:
    """Counts those who are left out by reason, the most frequent first."""
    return Counter(each.reason for each in plan.left_out).most_common()


def _answers_of(
    shown: Sequence[Wanted | LeftOut], matches: Iterable[Match]
) -> dict[tuple[Query, str], Answer]:
    """Finds the answers that led to the people on a page."""
    wanted = {(each.query, str(each.account.id)) for each in shown if each.account is not None}
    queries = {query for query, _ in wanted}
    return {
        key: answer
        for match in matches
        if match.query in queries
        for answer in match.answers
        if (key := (match.query, str(target_of(answer.mapping).id))) in wanted
    }


def _row(
    each: Wanted | LeftOut, answers: dict[tuple[Query, str], Answer], ignored: frozenset[str]
) -> PlanRow:
    target = str(each.account.id) if each.account is not None else ""
    answer = answers.get((each.query, target))
    reason = each.reason if isinstance(each, LeftOut) else Reason.NONE
    is_ignored = reason is Reason.CHOSEN_AWAY and target in ignored
    takes_tick = isinstance(each, Wanted) or (reason in TAKE_A_TICK and not is_ignored)
    return PlanRow(
        each.account,
        each.query,
        answer,
        reason,
        key_of(each.query, answer) if answer is not None and takes_tick else "",
        isinstance(each, Wanted),
        is_ignored,
        each.instead if isinstance(each, LeftOut) else None,
    )
