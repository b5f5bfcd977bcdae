"""The results as a person sees them: filter, order, pages, and the rows of one page. Pure.

Nothing of it is stored: the form carries the people who were found and the ticks that differ from the default,
and each answer is made from them anew.
"""

import enum
from array import array
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

import msgspec

from directory.choosing import may_choose
from directory.identifiers import XHandle
from directory.mappings import Network
from directory.queries import Lists, Query
from directory.ranking import Answer, Match
from web.pages.ticks import is_ticked, key_of
from web.remarks import Remark, remark_of

PAGE_ROWS: Final = 50
MAX_SEARCH_CHARS: Final = 60


class Sureness(enum.StrEnum):
    """The values of the filter by strength."""

    ALL = "all"
    SURE = "sure"
    LOOK = "look"


class Order(enum.StrEnum):
    """What the rows are ordered by."""

    NAME = "name"
    STRENGTH = "strength"
    NEWEST = "newest"


# Looked up once: members of an enum are found slowly, and these are asked for with each person found.
_ALL: Final = Sureness.ALL
_BY_NAME: Final = Order.NAME
_BLUESKY: Final = Network.BLUESKY


class View(msgspec.Struct, frozen=True):
    """Which results are shown, and how; and the ticks that differ from the default."""

    network: Network | None = None
    lists: Lists = Lists.NONE
    sureness: Sureness = Sureness.ALL
    search: str = ""
    order: Order = Order.NAME
    page: int = 1
    toggled: frozenset[str] = frozenset()


class Cell(msgspec.Struct, frozen=True):
    """One answer in a row, with the key of its tick; without a box where it may not be chosen."""

    key: str
    answer: Answer
    has_box: bool
    is_ticked: bool
    remark: Remark


class Row(msgspec.Struct, frozen=True):
    """One person: the answers on each network side by side."""

    name: str
    lists: Lists
    seen: date | None
    bluesky: tuple[Cell, ...]
    mastodon: tuple[Cell, ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        return self.bluesky + self.mastodon


class Page(msgspec.Struct, frozen=True):
    """One page of rows, and its place among the pages."""

    rows: tuple[Row, ...]
    number: int
    pages: int
    rows_in_all: int


class Selection:
    """Takes matches one after the other, and keeps of those that pass the filter what they are ordered by."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._filters = not _takes_all(view)
        self._taken = 0
        self._numbers = array("L")
        self._names: list[str] = []
        self._ranks = array("d")

    def add(self, match: Match) -> None:
        """Takes the next match."""
        if not self._filters or _passes(match, self._view):
            self._numbers.append(self._taken)
            self._names.append(_handle_of(match).key)
            if self._view.order is not _BY_NAME:
                self._ranks.append(_rank_of(match, self._view.order))
        self._taken += 1

    def in_order(self) -> list[int]:
        """Returns the numbers of the matches that pass the filter, in the order of the view."""
        places = sorted(range(len(self._numbers)), key=self._names.__getitem__)
        if self._view.order is not _BY_NAME:
            places.sort(key=self._ranks.__getitem__, reverse=True)
        return [self._numbers[place] for place in places]


def select_matches(matches: Iterable[Match], view: View) -> list[int]:
    """Returns the numbers of the matches that pass the filter, in order."""
    selection = Selection(view)
    for match in matches:
        selection.add(match)
    return selection.in_order()


def page_of(matches: Sequence[Match], selected: Sequence[int], view: View) -> Page:
    """Returns the page that the view asks for of the matches of these numbers, or the nearest that exists. Rows are made
    for it alone."""
    pages = max(1, -(-len(selected) // PAGE_ROWS))
    number = min(max(1, view.page), pages)
    start = (number - 1) * PAGE_ROWS
    shown = selected[start : start + PAGE_ROWS]
    rows = tuple(_row_of(matches[number], view.toggled) for number in shown)
    return Page(rows, number, pages, len(selected))


def name_of(match: Match) -> str:
    """Returns the name on X of a row: as it was asked for, else as it was proven."""
    return str(_handle_of(match))


def _handle_of(match: Match) -> XHandle:
    return match.query.x_handle or match.answers[0].mapping.x_handle


def _row_of(match: Match, toggled: frozenset[str]) -> Row:
    query = match.query
    bluesky: list[Cell] = []
    mastodon: list[Cell] = []
    for answer in match.answers:
        cells = bluesky if answer.mapping.network is _BLUESKY else mastodon
        cells.append(_cell_of(query, answer, toggled))
    return Row(name_of(match), query.lists, query.seen, tuple(bluesky), tuple(mastodon))


def _cell_of(query: Query, answer: Answer, toggled: frozenset[str]) -> Cell:
    return Cell(
        key_of(query, answer),
        answer,
        may_choose(query, answer),
        is_ticked(query, answer, toggled),
        remark_of(answer, query.lists, query.seen),
    )


def _takes_all(view: View) -> bool:
    return not view.lists and view.network is None and view.sureness is _ALL and not view.search


def _passes(match: Match, view: View) -> bool:
    if view.lists and not match.query.lists & view.lists:
        return False
    return _passes_network_and_sureness(match, view) and (not view.search or _names(match, view.search))


def _passes_network_and_sureness(match: Match, view: View) -> bool:
    if view.network is None and view.sureness is _ALL:
        return True
    answers = [answer for answer in match.answers if view.network in {None, answer.mapping.network}]
    if not answers or view.sureness is Sureness.ALL:
        return bool(answers)
    return any(answer.may_follow for answer in answers) == (view.sureness is Sureness.SURE)


def _names(match: Match, search: str) -> bool:
    wanted = search.lower().lstrip("@")
    return wanted in name_of(match).lower() or any(
        wanted in str(answer.mapping.target_handle).lower() for answer in match.answers
    )


def _rank_of(match: Match, order: Order) -> float:
    """Returns what comes before the name in an order that is not by name: more stands first."""
    if order is Order.STRENGTH:
        return max(answer.mapping.strength for answer in match.answers)
    return max(answer.mapping.issued.timestamp() for answer in match.answers)
