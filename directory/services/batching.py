"""Batches concurrent single lookups into one query."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from directory.answer_times import ANSWER_TIMEOUT_S, NO_ANSWER, break_off
from directory.clock import Clock
from directory.deadlines import Deadlines
from directory.errors import DirectoryUnavailable, LookupFailed
from directory.queries import Query
from directory.ranking import Match
from directory.services.lookup import match_all
from directory.store.database import is_of_database
from directory.store.mappings import MappingStore

MAX_BATCH: Final = 200
BATCHES_AT_ONCE: Final = 2
"""While these wait for the database the next one fills: under load a lookup costs fewer statements. With one, this process
has nothing to do in between."""
BATCH_TASK: Final = "batch of lookups"

Asked = tuple[Query, asyncio.Future[Match]]
Found = Mapping[Query, Match | Exception]


class LookupBatcher:
    """Answers single lookups. Those that come while two batches are running wait, and go together in the next.

    A lone lookup is asked at once, so batching delays nobody; many at once share round trips. Whatever becomes of a batch,
    everybody who waits for it is answered or refused.
    """

    def __init__(self, mappings: MappingStore, clock: Clock, own_origin: str) -> None:
        self._mappings = mappings
        self._own_origin = own_origin
        self._clock = clock
        self._waiting: list[Asked] = []
        self._running: set[asyncio.Task[Found]] = set()
        self._answers = Deadlines(ANSWER_TIMEOUT_S, _give_up)
        self._batches = Deadlines(ANSWER_TIMEOUT_S, self._break_off)

    async def lookup(self, query: Query) -> Match:
        """Looks up where one X account is now. Raises DirectoryUnavailable, LookupFailed."""
        future: asyncio.Future[Match] = asyncio.get_running_loop().create_future()
        self._answers.begin(future)
        self._waiting.append((query, future))
        self._start_batch()
        try:
            return await future
        finally:
            self._answers.done(future)

    def _start_batch(self) -> None:
        if self._waiting and len(self._running) < BATCHES_AT_ONCE:
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            queries = list(dict.fromkeys(query for query, _ in batch))
            task = asyncio.create_task(self._find(queries), name=BATCH_TASK)
            self._running.add(task)
            self._batches.begin(task)
            task.add_done_callback(partial(self._end_batch, batch))

    def _break_off(self, task: asyncio.Task[Found]) -> None:
        """Has the next batch begun, over another connection. Nobody waits for this one any more."""
        break_off(task)
        self._running.discard(task)
        self._start_batch()

    def _end_batch(self, batch: Sequence[Asked], task: asyncio.Task[Found]) -> None:
        """Settles everybody of a batch, from the end of its task: it comes also where the task was killed, or never
        began."""
        self._batches.done(task)
        self._running.discard(task)
        try:
            _settle(batch, _result_of(task, batch))
        finally:
            self._start_batch()

    async def _find(self, queries: Sequence[Query]) -> Found:
        """Finds the answers, or what went wrong, of each query. A row that cannot be read fails the queries of it alone:
        a batch that failed for a reason of its own is asked again in halves."""
        now = self._clock.now()
        try:
            mappings = await self._mappings.find_mappings(queries, now)
            found = match_all(queries, mappings, now.date(), self._own_origin)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait are told
            if len(queries) == 1 or is_of_database(error):
                return dict.fromkeys(queries, error)
            middle = len(queries) // 2
            return {**await self._find(queries[:middle]), **await self._find(queries[middle:])}
        return {match.query: match for match in found}


def _give_up(future: asyncio.Future[Match]) -> None:
    if not future.done():
        future.set_exception(DirectoryUnavailable(NO_ANSWER))


def _result_of(task: asyncio.Task[Found], batch: Sequence[Asked]) -> Found:
    error: BaseException | None
    if task.cancelled():
        error = DirectoryUnavailable("the lookup was broken off")
    elif (error := task.exception()) is None:
        return task.result()
    failure = error if isinstance(error, Exception) else DirectoryUnavailable("the lookup was broken off")
    return dict.fromkeys((query for query, _ in batch), failure)


def _settle(batch: Sequence[Asked], found: Found) -> None:
    for query, future in batch:
        if future.done():
            continue  # whoever asked has gone
        result = found.get(query)
        if isinstance(result, Exception):
            future.set_exception(_own_copy(result))
        else:
            future.set_result(result or Match(query, ()))


def _own_copy(error: Exception) -> Exception:
    """Returns an error for one who waits: one that many raise would grow by the traceback of each."""
    copy = (
        DirectoryUnavailable(*error.args)
        if isinstance(error, DirectoryUnavailable)
        else LookupFailed("the lookup failed")
    )
    copy.__cause__ = error
    return copy
