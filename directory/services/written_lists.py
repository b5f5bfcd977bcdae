"""Matches a list whose answer is JSON.

Most people of a list have one mapping on a network, which no other stands against: the database writes these
(`directory/store/written_mappings.py`). All others are matched as single look-ups are (`directory/services/lookup.py`).

The database is asked in the order of its indexes, not of the list: names that stand side by side there are read together, which
takes a fifth less of it.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final, TypeVar

import msgspec

from directory.answer_times import LIST_TIMEOUT_S, answer_within
from directory.clock import Clock
from directory.courtesy import take_list_turn
from directory.identifiers import XHandle, XId
from directory.mappings import Network
from directory.queries import Query
from directory.ranking import Match
from directory.services.list_pieces import ask_in_pieces
from directory.services.lookup import match_all
from directory.store.mappings import MappingStore
from directory.store.written_mappings import (
    NOT_WRITTEN,
    NOTHING_WRITTEN,
    WrittenMappings,
    WrittenMappingStore,
    WrittenRows,
    read_state,
)

Name = TypeVar("Name")

WRITTEN_PIECE_NAMES: Final = 1_000
"""Ids and handles that one statement asks for while nobody waits."""
RANKED_PIECE_PAIRS: Final = 60
"""Accounts that one statement asks for where they are ranked: the loop is held by them for about a millisecond."""
FEW_PAIRS: Final = 25
"""So many are ranked without a turn of their own."""
SORTED_AT_ONCE: Final = 2_500
"""Names that are sorted without a pause: less than half a millisecond."""
LOOKED_AT_AT_ONCE: Final = 1_000
"""Likewise of people, for whether they are to be ranked."""


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
    """Some of what a list has found.

    `rows` hold mappings by X id and by handle, of which each X account has one, or those on several networks that stand in
    `several`. Of whom no rows tell, there is a match where they have one: in `ranked_ids` of X ids beside which no handle
    stands in the list, and in `ranked` of people, by their number in it. These go before what any rows say.
    """

    rows: WrittenMappings = NOTHING_WRITTEN
    several: dict[int, Places] = {}
    ranked_ids: dict[int, Match | None] = {}
    ranked: dict[int, Match | None] = {}


class AskedNames(msgspec.Struct, frozen=True):
    """What the database is asked for a list, each sorted: the X ids, the handles that stand beside one, and those that stand
    alone, in lower case: but for those that were seen on a day, which are ranked."""

    x_ids: list[int]
    beside: list[str]
    alone: list[str]

    def __len__(self) -> int:
        return len(self.x_ids) + len(self.beside) + len(self.alone)

    def between(self, first: int, end: int) -> tuple[list[int], list[str], list[str]]:
        """Returns a part of them, counted through all three."""
        x_ids, beside = len(self.x_ids), len(self.x_ids) + len(self.beside)
        return (
            self.x_ids[first:end],
            self.beside[max(0, first - x_ids) : max(0, end - x_ids)],
            self.alone[max(0, first - beside) : max(0, end - beside)],
        )


class Untold(msgspec.Struct, frozen=True):
    """Names of whom the rows do not tell all: who was asked for by them is ranked.

    These are who may have another mapping, or have one that is not written, or may be in doubt: of a handle that stands beside
    an id, or that several mappings have.
    """

    x_ids: set[int]
    handles: set[str]
    beside: set[str]

    def add(self, more: "Untold") -> None:
        """Adds names of another piece."""
        self.x_ids.update(more.x_ids)
        self.handles.update(more.handles)
        self.beside.update(more.beside)

    def numbers(self, asked: AskedPairs, first: int, end: int) -> list[int]:
        """Returns the numbers of those of a part of the list who are to be ranked."""
        x_ids, handles = asked.x_ids[first:end], asked.handles[first:end]
        if any(handles):
            are_left = map(self._has, x_ids, handles, asked.seen[first:end])
        else:
            are_left = map(self.x_ids.__contains__, x_ids)
        return [number for number, is_left in enumerate(are_left, first) if is_left]

    def _has(self, x_id: int | None, handle: str | None, seen: date | None) -> bool:
        """A handle alone that was seen on a day is always to be ranked."""
        key = handle.lower() if handle is not None else ""
        if x_id is None:
            return seen is not None or key in self.handles
        return x_id in self.x_ids or key in self.beside


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
        """Yields who was found, piece by piece, in no order. Raises DirectoryUnavailable."""
        now = self._clock.now()
        names = await sort_names(asked)
        untold = Untold(set(), set(), set())

        async def find(first: int, end: int) -> FoundPiece:
            rows = await self._written.find(*names.between(first, end), now)
            several, untold_here = choose_written(rows)
            ranked_ids: dict[int, Match | None] = {}
            if not names.beside and len(untold_here.x_ids) <= FEW_PAIRS:
                # While the next pieces are read, so that nobody waits for it at the end.
                ranked_ids = await self._rank({x_id: Query(XId(x_id)) for x_id in untold_here.x_ids}, now)
                untold_here.x_ids.clear()
            untold.add(untold_here)
            return FoundPiece(rows, several, ranked_ids)

        async for piece in ask_in_pieces(len(names), WRITTEN_PIECE_NAMES, find):
            yield piece
        left = await _numbers_of(untold, asked)
        for start in range(0, len(left), RANKED_PIECE_PAIRS):
            if len(left) > FEW_PAIRS:
                await take_list_turn()
            queries = {number: asked.query(number) for number in left[start : start + RANKED_PIECE_PAIRS]}
            yield FoundPiece(ranked=await self._rank(queries, now))

    async def _rank(self, queries: dict[int, Query], now: datetime) -> dict[int, Match | None]:
        if not queries:
            return {}
        unlike = list(dict.fromkeys(queries.values()))
        finding = self._mappings.find_mappings(unlike, now)
        mappings = await answer_within(LIST_TIMEOUT_S, finding)
        matches = {m.query: m for m in match_all(unlike, mappings, now.date(), self._own_origin)}
        return {key: matches.get(query) for key, query in queries.items()}


async def sort_names(asked: AskedPairs) -> AskedNames:
    """Sorts what is asked for. A long list has turns meanwhile."""
    names = AskedNames([], [], [])
    for first in range(0, len(asked), SORTED_AT_ONCE):
        if first:
            await take_list_turn()
        for column, some in zip(_columns(names), _columns(_names_of(asked, first)), strict=True):
            some.sort()
            column.extend(some)
    # Of runs that are sorted, merging is all that is left.
    for column in _columns(names):
        column.sort()
    return names


def _columns(names: AskedNames) -> tuple[list[Any], ...]:
    return names.x_ids, names.beside, names.alone


def _names_of(asked: AskedPairs, first: int) -> AskedNames:
    some = slice(first, first + SORTED_AT_ONCE)
    x_ids, handles = asked.x_ids[some], asked.handles[some]
    names = AskedNames([x_id for x_id in x_ids if x_id is not None], [], [])
    if any(handles):
        for x_id, handle, seen in zip(x_ids, handles, asked.seen[some], strict=True):
            if handle is not None and x_id is not None:
                names.beside.append(handle.lower())
            elif handle is not None and seen is None:
                names.alone.append(handle.lower())
    return names


def choose_written(rows: WrittenMappings) -> tuple[dict[int, Places], Untold]:
    """Returns the places of X ids of whom rows tell several mappings, and the names of whom they do not tell all. Pure."""
    several = _several(rows.by_id.names)
    apart = {x_id: places for x_id, places in several.items() if _are_apart(rows.by_id, places)}
    x_ids = (several.keys() - apart.keys()) | _not_written(rows.by_id)
    handles = _several(rows.by_handle.names).keys() | _not_written(rows.by_handle)
    return apart, Untold(x_ids, handles, set(rows.beside))


async def _numbers_of(untold: Untold, asked: AskedPairs) -> list[int]:
    """Returns the numbers of those of a list who are to be ranked."""
    left: list[int] = []
    for first in range(0, len(asked), LOOKED_AT_AT_ONCE):
        left += untold.numbers(asked, first, first + LOOKED_AT_AT_ONCE)
        await asyncio.sleep(0)
    return left


def _several(names: list[Name]) -> dict[Name, Places]:
    """Returns the places of each name that stands in the rows more than once."""
    last = dict(zip(names, range(len(names)), strict=True))
    if len(last) == len(names):
        return {}
    found: dict[Name, list[int]] = {}
    for place, name in enumerate(names):
        if last[name] != place:
            found.setdefault(name, []).append(place)
    return {name: (*places, last[name]) for name, places in found.items()}


def _not_written(rows: WrittenRows) -> set[Any]:
    if NOT_WRITTEN not in rows.states:
        return set()
    return {name for name, state in zip(rows.names, rows.states, strict=True) if state == NOT_WRITTEN}


def _are_apart(rows: WrittenRows, places: Places) -> bool:
    """More than there are networks are not, whatever they are: a log may say much of each account that a list asks for."""
    return len(places) <= len(Network) and are_apart(tuple(map(rows.states.__getitem__, places)))


@lru_cache(maxsize=4_096)
def are_apart(states: tuple[int, ...]) -> bool:
    """Whether mappings of one X id are all written, and each on another network: none can outrank or dispute another."""
    if NOT_WRITTEN in states:
        return False
    return len({read_state(state).network for state in states}) == len(states)
