"""Matches a list whose answer is JSON.

Most people of a list have one mapping on a network, which no other stands against: the database writes these
(`directory/store/written_mappings.py`). All others are matched as single look-ups are (`directory/services/lookup.py`).
"""

from collections.abc import AsyncIterator
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final, TypeVar

import msgspec

from directory.answer_times import LIST_TIMEOUT_S, answer_within
from directory.clock import Clock
from directory.courtesy import take_list_turn
from directory.identifiers import XHandle, XId
from directory.queries import Query
from directory.ranking import Match
from directory.services.list_pieces import ask_in_pieces
from directory.services.lookup import match_all
from directory.store.mappings import MappingStore
from directory.store.written_mappings import (
    NOT_WRITTEN,
    WrittenMappings,
    WrittenMappingStore,
    WrittenRows,
    read_state,
)

Name = TypeVar("Name")

WRITTEN_PIECE_PAIRS: Final = 500
"""Accounts that one statement asks for while nobody waits. It bounds memory, whatever the list's length."""
RANKED_PIECE_PAIRS: Final = 60
"""Accounts that one statement asks for where they are ranked: the loop is held by them for about a millisecond."""
FEW_PAIRS: Final = 25
"""So many of a piece are ranked beside the next ones, without a turn of their own."""


class AskedPairs(msgspec.Struct):
    """A list as it was asked, in columns: of each person the X id, the handle, and the day on which it was seen."""

    x_ids: list[int | None]
    handles: list[str | None]
    seen: list[date | None]

    def __len__(self) -> int:
        return len(self.x_ids)

    def query(self, number: int) -> Query:
        """Returns one of them as a query."""
        x_id, handle = self.x_ids[number], self.handles[number]
        return Query(
            XId(x_id) if x_id is not None else None,
            XHandle(handle) if handle is not None else None,
            seen=self.seen[number],
        )


Places = tuple[int, ...]
"""Of the mappings of one X account in the rows, where it has several."""


class FoundPiece(msgspec.Struct, frozen=True):
    """Who was found of a piece of a list.

    `rows` hold mappings by X id and by handle, of which each X account has one, or those on several networks that stand in
    `several`. `left` are the numbers of people, in the list, of whom these do not tell; `ranked` are those who were left, with
    a match where they have one.
    """

    numbers: range
    rows: WrittenMappings
    several: dict[int, Places]
    left: list[int]
    ranked: dict[int, Match | None] = {}


class WrittenLists:
    """Matches lists. It keeps nothing of what it was asked."""

    def __init__(
        self, written: WrittenMappingStore, mappings: MappingStore, clock: Clock, own_origin: str
    ) -> None:
        """`own_origin` is the origin of this instance's log."""
        self._written = written
        self._mappings = mappings
        self._clock = clock
        self._own_origin = own_origin

    async def match(self, asked: AskedPairs) -> AsyncIterator[FoundPiece]:
        """Yields who was found, piece by piece. Raises DirectoryUnavailable."""
        now = self._clock.now()

        async def find(first: int, end: int) -> FoundPiece:
            piece = await self._find(asked, range(first, end), now)
            return piece if len(piece.left) > FEW_PAIRS else await self._rank(asked, piece, now)

        async for piece in ask_in_pieces(len(asked), WRITTEN_PIECE_PAIRS, find):
            # Those of several pieces at a time would hold up others.
            yield await self._rank(asked, piece, now) if piece.left else piece

    async def _find(self, asked: AskedPairs, numbers: range, now: datetime) -> FoundPiece:
        x_ids, beside, alone = _names_of(asked, numbers)
        rows = await self._written.find(x_ids, beside, alone, now)
        several, left = choose_written(asked, numbers, rows)
        return FoundPiece(numbers, rows, several, left)

    async def _rank(self, asked: AskedPairs, piece: FoundPiece, now: datetime) -> FoundPiece:
        ranked: dict[int, Match | None] = {}
        for start in range(0, len(piece.left), RANKED_PIECE_PAIRS):
            if len(piece.left) > FEW_PAIRS:
                await take_list_turn()
            numbers = piece.left[start : start + RANKED_PIECE_PAIRS]
            queries = {number: asked.query(number) for number in numbers}
            unlike = list(dict.fromkeys(queries.values()))
            finding = self._mappings.find_mappings(unlike, now)
            mappings = await answer_within(LIST_TIMEOUT_S, finding)
            matches = {m.query: m for m in match_all(unlike, mappings, now.date(), self._own_origin)}
            ranked |= {number: matches.get(query) for number, query in queries.items()}
        return FoundPiece(piece.numbers, piece.rows, piece.several, [], ranked)


def choose_written(
    asked: AskedPairs, numbers: range, rows: WrittenMappings
) -> tuple[dict[int, Places], list[int]]:
    """Tells of which people of a piece the rows tell all. Returns the places of X ids that have several mappings, and the
    numbers of those who are left to be ranked. Pure.

    Left are all who may have another mapping, or of whom a row is not written, or may be in doubt: of a handle that stands
    beside an id, that several mappings have, or that was seen on a day.
    """
    several = _several(rows.by_id.names)
    apart = {x_id: places for x_id, places in several.items() if _are_apart(rows.by_id, places)}
    ids_left = (several.keys() - apart.keys()) | _not_written(rows.by_id)
    handles_left = _several(rows.by_handle.names).keys() | _not_written(rows.by_handle)
    piece = slice(numbers.start, numbers.stop)
    handles = asked.handles[piece]
    if not any(handles):
        if not ids_left:
            return apart, []
        return apart, [n for n, x_id in zip(numbers, asked.x_ids[piece], strict=True) if x_id in ids_left]
    left: list[int] = []
    for number, x_id, handle in zip(numbers, asked.x_ids[piece], handles, strict=True):
        if x_id is None:
            key = handle.lower() if handle is not None else ""
            is_left = asked.seen[number] is not None or key in handles_left
        else:
            is_left = x_id in ids_left or (handle is not None and handle.lower() in rows.beside)
        if is_left:
            left.append(number)
    return apart, left


def _several(names: list[Name]) -> dict[Name, Places]:
    """Returns the places of each name that stands in the rows more than once."""
    last = dict(zip(names, range(len(names)), strict=True))
    if len(last) == len(names):
        return {}
    before = [place for place, name in enumerate(names) if last[name] != place]
    found: dict[Name, Places] = {}
    for place in before:
        found[names[place]] = (*found.get(names[place], ()), place)
    return {name: (*places, last[name]) for name, places in found.items()}


def _not_written(rows: WrittenRows) -> set[Any]:
    if NOT_WRITTEN not in rows.states:
        return set()
    return {name for name, state in zip(rows.names, rows.states, strict=True) if state == NOT_WRITTEN}


def _are_apart(rows: WrittenRows, places: Places) -> bool:
    return are_apart(tuple(rows.states[place] for place in places))


@lru_cache(maxsize=4_096)
def are_apart(states: tuple[int, ...]) -> bool:
    """Whether mappings of one X id are all written, and each on another network: none can outrank or dispute another."""
    if NOT_WRITTEN in states:
        return False
    return len({read_state(state).network for state in states}) == len(states)


def _names_of(asked: AskedPairs, numbers: range) -> tuple[list[int], list[str], list[str]]:
    """Returns the X ids of a piece, the handles that stand beside one, and those that stand alone, in lower case: but for
    those that were seen on a day, which are ranked."""
    x_ids = asked.x_ids[numbers.start : numbers.stop]
    handles = asked.handles[numbers.start : numbers.stop]
    beside: list[str] = []
    alone: list[str] = []
    if any(handles):
        for number, x_id, handle in zip(numbers, x_ids, handles, strict=True):
            if handle is not None and x_id is not None:
                beside.append(handle.lower())
            elif handle is not None and asked.seen[number] is None:
                alone.append(handle.lower())
    return [x_id for x_id in x_ids if x_id is not None], beside, alone
