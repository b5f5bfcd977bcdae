"""Looks up one X account, or matches a whole follow list."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date
from typing import Final

from directory.answer_times import ANSWER_TIMEOUT_S, answer_within
from directory.clock import Clock
from directory.identifiers import Acct, ActorUri, AtHandle, Did
from directory.mappings import Mapping
from directory.packed.matches import PackedMatches
from directory.queries import Query
from directory.ranking import Answer, Match, rank
from directory.services.list_pieces import ask_in_pieces
from directory.store.mappings import MappingStore

MATCH_PIECE_PAIRS: Final = 500
"""Accounts that one statement asks for. It bounds memory, whatever the list's length, and how long ranking them holds up others."""


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
        """Yields what `match` returns, in chunks. Raises DirectoryUnavailable."""
        now = self._clock.now()

        async def find(first: int, end: int) -> tuple[Sequence[Query], list[Mapping]]:
            piece = queries[first:end]
            return piece, await self._mappings.find_mappings(piece, now, with_evidence=with_evidence)

        async for piece, mappings in ask_in_pieces(len(queries), MATCH_PIECE_PAIRS, find):
            yield match_all(piece, mappings, now.date(), self._own_origin)

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


def match_all(
    queries: Sequence[Query], mappings: Iterable[Mapping], today: date, own_origin: str
) -> list[Match]:
    """Gives each query the mappings that may be of its account, and keeps those with an answer. Pure."""
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
    matches = []
    for query in queries:
        found = by_id.get(query.x_id.value, nothing) if query.x_id is not None else nothing
        if by_handle and query.x_handle is not None:
            named = by_handle.get(query.x_handle.key, [])
            found = found + [mapping for mapping in named if query.x_id is None or mapping.x_id is None]
        if found:
            match = rank(query, found, today, own_origin)
            if match.answers:
                matches.append(match)
    return matches
