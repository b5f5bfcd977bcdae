"""Looks up one X account, or matches a whole follow list.

The database is asked for a list in the order of its indexes, some thousand accounts at a time: those that stand side by side
there are read together, which takes a half to a fifth less of it. What is found comes in the order of the list all the same.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date, datetime
from typing import Final

from directory.answer_times import ANSWER_TIMEOUT_S, answer_within
from directory.clock import Clock
from directory.identifiers import NO_HANDLE, Acct, ActorUri, AtHandle, Did, TargetId, XHandle
from directory.mappings import Mapping
from directory.packed.matches import PackedMatches
from directory.queries import Lists, Query
from directory.ranking import Answer, Match, rank
from directory.refused_accounts import leads_to_refused, mark_refused, note_refused
from directory.services.list_pieces import ask_in_pieces
from directory.store.mappings import MappingStore

MATCH_PIECE_PAIRS: Final = 500
"""Accounts that one statement asks for. It bounds memory, whatever the list's length, and how long ranking them holds up others."""
SORTED_PAIRS: Final = 5_000
"""Accounts of a list that are sorted: a millisecond. Those who are found of them are held until the last of them is."""


class Lookup:
    """Answers from the directory. It keeps nothing of what it was asked."""

    def __init__(self, mappings: MappingStore, clock: Clock, own_origin: str) -> None:
        """`own_origin` is the origin of this instance's log: what its members have proven is outranked by nobody."""
        self._mappings = mappings
        self._own_origin = own_origin
        self._clock = clock

    async def lookup(self, query: Query) -> Match:
        """Looks up where one X account is now. Raises DirectoryUnavailable."""
        now = self._clock.now()
        found = await answer_within(ANSWER_TIMEOUT_S, self._mappings.find_mappings([query], now))
        return rank(query, found, now.date(), self._own_origin)

    async def match(self, queries: Sequence[Query], *, with_evidence: bool = True) -> list[Match]:
        """Returns a match for each of the accounts that has an answer, in the order of the queries.

        `with_evidence` is for callers who show it: a long list is read faster without, and each mapping's
        evidence is then empty. Raises DirectoryUnavailable.
        """
        chunks = self.match_chunks(queries, with_evidence=with_evidence)
        return [match async for chunk in chunks for match in chunk]

    async def match_packed(self, queries: Sequence[Query], *, with_evidence: bool = True) -> PackedMatches:
        """Returns what `match` returns, in a form that leaves no memory in use afterwards. Raises DirectoryUnavailable."""
        found = PackedMatches()
        async for chunk in self.match_chunks(queries, with_evidence=with_evidence):
            # A turn of its own: a chunk was ranked in this one.
            await asyncio.sleep(0)
            found.extend(chunk)
        return found

    async def match_chunks(
        self, queries: Sequence[Query], *, with_evidence: bool = True
    ) -> AsyncIterator[list[Match]]:
        """Yields what `match` returns, in chunks. An account that somebody on the list has who is blocked or muted is marked
        for whoever else leads to it. Raises DirectoryUnavailable."""
        now = self._clock.now()
        parts = [
            range(start, min(start + SORTED_PAIRS, len(queries)))
            for start in range(0, len(queries), SORTED_PAIRS)
        ]
        # Whom a list follows may come first, and is matched before the rest is: then those whom it refuses are looked for before all.
        refused = await self._find_refused(queries, parts, now) if len(parts) > 1 else {}
        for numbers in parts:
            part = await _take_part(queries, numbers)
            found = await self._match_part(part, now, with_evidence=with_evidence)
            if len(parts) == 1:
                await _note_all_refused(refused, found)
            for first in range(0, len(found), MATCH_PIECE_PAIRS):
                chunk = [match for match in found[first : first + MATCH_PIECE_PAIRS] if match is not None]
                yield [mark_refused(match, refused) for match in chunk] if refused else chunk

    async def find_leading_to_refused(self, queries: Sequence[Query]) -> set[Query]:
        """Finds those on a list who lead for sure to an account that somebody else on it has who is blocked or muted. Raises
        DirectoryUnavailable."""
        chunks = self.match_chunks(queries, with_evidence=False)
        return {match.query async for chunk in chunks for match in chunk if leads_to_refused(match)}

    async def _find_refused(
        self, queries: Sequence[Query], parts: Sequence[range], now: datetime
    ) -> dict[TargetId, Lists]:
        """Finds the accounts that a list refuses, before all others are matched."""
        refused: dict[TargetId, Lists] = {}
        for numbers in parts:
            part = await _take_refused(queries, numbers)
            await _note_all_refused(refused, await self._match_part(part, now, with_evidence=False))
        return refused

    async def _match_part(
        self, part: Sequence[Query], now: datetime, *, with_evidence: bool
    ) -> list[Match | None]:
        """Returns the match of each, None where it has no answer."""
        places = _order_of_indexes(part) if len(part) > MATCH_PIECE_PAIRS else range(len(part))
        found: list[Match | None] = [None] * len(part)

        async def find(first: int, end: int) -> tuple[Sequence[int], list[Query], list[Mapping]]:
            here = places[first:end]
            piece = [part[place] for place in here]
            mappings = await self._mappings.find_mappings(piece, now, with_evidence=with_evidence)
            return here, piece, mappings

        async for here, piece, mappings in ask_in_pieces(len(part), MATCH_PIECE_PAIRS, find):
            matches = match_each(piece, mappings, now.date(), self._own_origin)
            for place, match in zip(here, matches, strict=True):
                found[place] = match
        return found

    async def match_few(
        self,
        queries: Sequence[Query],
        *,
        with_evidence: bool = True,
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> list[Match]:
        """Returns what `match` returns, for some hundred at most: in one statement, which waits for no list's turn."""
        now = self._clock.now()
        finding = self._mappings.find_mappings(queries, now, with_evidence=with_evidence)
        mappings = await answer_within(timeout_s, finding)
        return match_all(queries, mappings, now.date(), self._own_origin)

    async def reverse(self, account: Did | AtHandle | Acct | ActorUri) -> list[Answer]:
        """Finds the X accounts that map to an account: only those whose lookup would answer with it."""
        if account == NO_HANDLE:
            return []
        finding = self._mappings.find_by_target(account, self._clock.now(), self._own_origin)
        mappings = await answer_within(ANSWER_TIMEOUT_S, finding)
        queries = list(dict.fromkeys(Query(mapping.x_id, mapping.x_handle) for mapping in mappings))
        targets = {mapping.target_id for mapping in mappings}
        return [
            answer
            for match in await self.match_few(queries)
            for answer in match.answers
            if answer.mapping.target_id in targets
        ]


async def _take_part(queries: Sequence[Query], numbers: range) -> list[Query]:
    """Returns a part of a list. Where it is packed, others have turns while it is made anew."""
    part: list[Query] = []
    for first in range(numbers.start, numbers.stop, MATCH_PIECE_PAIRS):
        part += queries[first : min(first + MATCH_PIECE_PAIRS, numbers.stop)]
        await asyncio.sleep(0)
    return part


async def _note_all_refused(refused: dict[TargetId, Lists], found: Sequence[Match | None]) -> None:
    """Notes the accounts that matches refuse. Others have turns meanwhile."""
    for first in range(0, len(found), MATCH_PIECE_PAIRS):
        note_refused(refused, found[first : first + MATCH_PIECE_PAIRS])
        await asyncio.sleep(0)


async def _take_refused(queries: Sequence[Query], numbers: range) -> list[Query]:
    """Returns those of a part of a list who are blocked or muted. Others have turns meanwhile."""
    part: list[Query] = []
    for first in range(numbers.start, numbers.stop, MATCH_PIECE_PAIRS):
        piece = queries[first : min(first + MATCH_PIECE_PAIRS, numbers.stop)]
        part += [query for query in piece if query.lists.is_refused]
        await asyncio.sleep(0)
    return part


def _order_of_indexes(queries: Sequence[Query]) -> list[int]:
    """Returns the places of queries in the order in which the database finds them: by handle those without an id, then by
    id."""
    no_id = 0
    x_ids = [query.x_id.value if query.x_id is not None else no_id for query in queries]
    places = sorted(range(len(queries)), key=x_ids.__getitem__)
    alone = x_ids.count(no_id)
    places[:alone] = sorted(places[:alone], key=lambda place: _key_of(queries[place].x_handle))
    return places


def _key_of(handle: XHandle | None) -> str:
    return handle.key if handle is not None else ""


def match_all(
    queries: Sequence[Query], mappings: Iterable[Mapping], today: date, own_origin: str
) -> list[Match]:
    """Returns what `match_each` does, but for those without an answer. Pure."""
    return [match for match in match_each(queries, mappings, today, own_origin) if match is not None]


def match_each(
    queries: Sequence[Query], mappings: Iterable[Mapping], today: date, own_origin: str
) -> list[Match | None]:
    """Gives each query the mappings that may be of its account. Returns the match of each, None where it has no answer. Pure."""
    by_id: defaultdict[int, list[Mapping]] = defaultdict(list)
    by_handle: defaultdict[str, list[Mapping]] = defaultdict(list)
    # Beside an id, a handle finds what was proven without one.
    asked_by_handle = any(query.x_id is None for query in queries)
    for mapping in mappings:
        if (x_id := mapping.x_id) is not None:
            by_id[x_id.value].append(mapping)
        if asked_by_handle or x_id is None:
            by_handle[mapping.x_handle.key].append(mapping)
    nothing: list[Mapping] = []
    matches: list[Match | None] = []
    for query in queries:
        found = by_id.get(query.x_id.value, nothing) if query.x_id is not None else nothing
        if by_handle and query.x_handle is not None:
            named = by_handle.get(query.x_handle.key, [])
            found = found + [mapping for mapping in named if query.x_id is None or mapping.x_id is None]
        match = rank(query, found, today, own_origin) if found else None
        matches.append(match if match is not None and match.answers else None)
    return matches
