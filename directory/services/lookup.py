"""Looks up one X account, or matches a whole follow list."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date
from typing import Final

from directory.answer_times import ANSWER_TIMEOUT_S, LIST_TIMEOUT_S, answer_within
from directory.clock import Clock
from directory.identifiers import Acct, ActorUri, AtHandle, Did
from directory.mappings import Mapping
from directory.queries import Query
from directory.ranking import Answer, Match, rank
from directory.store.mappings import MappingStore

MATCH_CHUNK_PAIRS: Final = 1_000
"""Accounts that one statement asks for. It bounds memory, whatever the list's length."""
CHUNKS_AHEAD: Final = 4
"""Statements under way: while one result is ranked, the database reads the next ones in parallel.

Two lists at a time still leave connections of the pool to single lookups.
"""


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

    async def match_chunks(
        self, queries: Sequence[Query], *, with_evidence: bool = True
    ) -> AsyncIterator[list[Match]]:
        """Yields what `match` returns, in chunks. Raises DirectoryUnavailable."""
        now = self._clock.now()
        starts = iter(range(0, len(queries), MATCH_CHUNK_PAIRS))
        under_way: deque[tuple[Sequence[Query], asyncio.Task[list[Mapping]]]] = deque()

        def ask_next() -> None:
            if (start := next(starts, None)) is not None:
                chunk = queries[start : start + MATCH_CHUNK_PAIRS]
                finding = self._mappings.find_mappings(chunk, now, with_evidence=with_evidence)
                under_way.append((chunk, asyncio.create_task(finding)))

        try:
            for _ in range(CHUNKS_AHEAD):
                ask_next()
            while under_way:
                chunk, task = under_way.popleft()
                mappings = await answer_within(LIST_TIMEOUT_S, task)
                ask_next()
                yield match_all(chunk, mappings, now.date(), self._own_origin)
        finally:
            left = [task for _, task in under_way]
            for task in left:
                task.cancel()
            # Also those that have failed already are heard: nobody else asks for their errors.
            await asyncio.gather(*left, return_exceptions=True)

    async def reverse(self, account: Did | AtHandle | Acct | ActorUri) -> list[Answer]:
        """Finds the X accounts that map to an account: only those whose lookup would answer with it."""
        finding = self._mappings.find_by_target(account, self._clock.now(), self._own_origin)
        mappings = await answer_within(ANSWER_TIMEOUT_S, finding)
        queries = list(dict.fromkeys(Query(mapping.x_id, mapping.x_handle) for mapping in mappings))
        targets = {mapping.target_id for mapping in mappings}
        return [
            answer
            for match in await self.match(queries)
            for answer in match.answers
            if answer.mapping.target_id in targets
        ]


def match_all(
    queries: Sequence[Query], mappings: Iterable[Mapping], today: date, own_origin: str
) -> list[Match]:
    """Gives each query the mappings that may be of its account, and keeps those with an answer. Pure."""
    by_id: defaultdict[int, list[Mapping]] = defaultdict(list)
    by_handle: defaultdict[str, list[Mapping]] = defaultdict(list)
    asked_by_handle = any(query.x_handle is not None for query in queries)
    for mapping in mappings:
        if mapping.x_id is not None:
            by_id[mapping.x_id.value].append(mapping)
        if asked_by_handle:
            by_handle[mapping.x_handle.key].append(mapping)
    nothing: list[Mapping] = []
    matches = []
    for query in queries:
        found = by_id.get(query.x_id.value, nothing) if query.x_id is not None else nothing
        if query.x_handle is not None:
            named = by_handle.get(query.x_handle.key, [])
            found = found + [mapping for mapping in named if query.x_id is None or mapping.x_id is None]
        if found:
            match = rank(query, found, today, own_origin)
            if match.answers:
                matches.append(match)
    return matches
