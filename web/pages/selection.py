"""The results as a person sees them: rows, filter, order, pages, ticks. Pure.

Nothing of it is stored: the form carries the people who were found and the ticks that differ
from ours, and each answer is made from them anew.
"""

import enum
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from directory.mappings import Network, Strength
from directory.queries import Lists
from directory.ranking import Answer, Match

PAGE_ROWS: Final = 50
MAX_SEARCH_CHARS: Final = 60
_NETWORK_LETTER: Final = {Network.BLUESKY: "b", Network.MASTODON: "m"}


class Sureness(enum.StrEnum):
    """What the filter tells apart."""

    ALL = "all"
    SURE = "sure"
    LOOK = "look"


class Order(enum.StrEnum):
    """What the rows are ordered by."""

    NAME = "name"
    STRENGTH = "strength"
    NEWEST = "newest"


class Cell(msgspec.Struct, frozen=True):
    """One answer in a row, with the key of its tick."""

    key: str
    answer: Answer
    is_ticked: bool


class Row(msgspec.Struct, frozen=True):
    """One person: the answers on each network side by side."""

    name: str
    lists: Lists
    bluesky: tuple[Cell, ...]
    mastodon: tuple[Cell, ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        return self.bluesky + self.mastodon


class View(msgspec.Struct, frozen=True):
    """What of the results is shown, and how; and the ticks that differ from ours."""

    network: Network | None = None
    lists: Lists = Lists.NONE
    sureness: Sureness = Sureness.ALL
    search: str = ""
    order: Order = Order.NAME
    page: int = 1
    toggled: frozenset[str] = frozenset()


class Page(msgspec.Struct, frozen=True):
    """One page of rows, and where it stands."""

    rows: tuple[Row, ...]
    number: int
    pages: int
    rows_in_all: int


def rows_of(matches: Iterable[Match], toggled: frozenset[str]) -> list[Row]:
    """A row a match. A tick stands where a follow is sure and wanted, unless the person changed it."""
    return [_row_of(match, toggled) for match in matches]


def _row_of(match: Match, toggled: frozenset[str]) -> Row:
    query = match.query
    person = str(query.x_id) if query.x_id is not None else f"@{query.x_handle.key if query.x_handle else ''}"
    cells: dict[Network, list[Cell]] = {network: [] for network in Network}
    for answer in match.answers:
        network = answer.mapping.network
        key = f"{person}.{_NETWORK_LETTER[network]}"
        is_ticked = not answer.disputed and (_is_wanted(query.lists) and answer.may_follow) != (
            key in toggled
        )
        cells[network].append(Cell(key, answer, is_ticked))
    name = str(query.x_handle or match.answers[0].mapping.x_handle)
    return Row(name, query.lists, tuple(cells[Network.BLUESKY]), tuple(cells[Network.MASTODON]))


def _is_wanted(lists: Lists) -> bool:
    """Whether the person followed them. Whom they blocked or muted they do not want back."""
    if lists & (Lists.BLOCK | Lists.MUTE):
        return False
    return lists is Lists.NONE or bool(lists & Lists.FOLLOWING)


def toggled_after(
    rows: Iterable[Row], view: View, shown: frozenset[str], ticked: frozenset[str]
) -> frozenset[str]:
    """The ticks that differ from ours once the boxes of a page were sent back."""
    changed = {
        cell.key
        for row in rows
        for cell in row.cells
        if cell.key in shown and not cell.answer.disputed and cell.is_ticked != (cell.key in ticked)
    }
    return view.toggled ^ changed


def toggled_for_all(rows: Iterable[Row], view: View, *, tick: bool) -> frozenset[str]:
    """The ticks that differ from ours once all these rows are ticked, or none of them is."""
    changed = {
        cell.key
        for row in rows
        for cell in row.cells
        if not cell.answer.disputed and cell.is_ticked != tick and (not tick or _may_be_ticked(cell))
    }
    return view.toggled ^ changed


def _may_be_ticked(cell: Cell) -> bool:
    """ "All" means all that are proven: an unchecked hint takes a person's own tick."""
    return cell.answer.mapping.strength > Strength.IMPORTED


def select_rows(rows: Iterable[Row], view: View) -> list[Row]:
    """The rows that the filter lets through, in order."""
    wanted = view.search.lower().lstrip("@")
    chosen = [row for row in rows if _passes(row, view) and (not wanted or _names(row, wanted))]
    chosen.sort(key=lambda row: row.name.lower())
    if view.order is Order.STRENGTH:
        chosen.sort(key=_strength_of, reverse=True)
    elif view.order is Order.NEWEST:
        chosen.sort(key=_issued_of, reverse=True)
    return chosen


def _passes(row: Row, view: View) -> bool:
    cells = row.cells
    if view.network is not None:
        cells = row.bluesky if view.network is Network.BLUESKY else row.mastodon
    if not cells or (view.lists and not row.lists & view.lists):
        return False
    if view.sureness is Sureness.ALL:
        return True
    return any(cell.answer.may_follow for cell in cells) == (view.sureness is Sureness.SURE)


def _names(row: Row, wanted: str) -> bool:
    return wanted in row.name.lower() or any(
        wanted in str(cell.answer.mapping.target_handle).lower() for cell in row.cells
    )


def _strength_of(row: Row) -> int:
    return max(cell.answer.mapping.strength for cell in row.cells)


def _issued_of(row: Row) -> float:
    return max(cell.answer.mapping.issued.timestamp() for cell in row.cells)


def page_of(rows: Sequence[Row], number: int) -> Page:
    """The page of that number, or the nearest there is."""
    pages = max(1, -(-len(rows) // PAGE_ROWS))
    number = min(max(1, number), pages)
    start = (number - 1) * PAGE_ROWS
    return Page(tuple(rows[start : start + PAGE_ROWS]), number, pages, len(rows))


def ticked_answers(rows: Iterable[Row]) -> list[Answer]:
    """The answers that are chosen."""
    return [cell.answer for row in rows for cell in row.cells if cell.is_ticked]
