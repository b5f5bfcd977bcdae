"""Batches concurrent single lookups into one query."""

import asyncio
from typing import Final

from directory.clock import Clock
from directory.errors import DirectoryError
from directory.queries import Query
from directory.ranking import Match
from directory.services.lookup import match_all
from directory.store.mappings import MappingStore

MAX_BATCH: Final = 200
BATCHES_AT_ONCE: Final = 1
"""While one batch waits for the database the next one fills: under load a lookup costs fewer statements."""


class LookupBatcher:
    """Answers single lookups. Those that come while a batch is running wait, and go together in the next.

    A lone lookup is asked at once, so batching delays nobody; many at once share round trips.
    """

    def __init__(self, mappings: MappingStore, clock: Clock, own_origin: str) -> None:
        self._mappings = mappings
        self._own_origin = own_origin
        self._clock = clock
        self._waiting: list[tuple[Query, asyncio.Future[Match]]] = []
        self._running: set[asyncio.Task[None]] = set()

    async def lookup(self, query: Query) -> Match:
        """Looks up where one X account is now. Raises DirectoryUnavailable."""
        future: asyncio.Future[Match] = asyncio.get_running_loop().create_future()
        self._waiting.append((query, future))
        self._start_batch()
        return await future

    def _start_batch(self) -> None:
        if self._waiting and len(self._running) < BATCHES_AT_ONCE:
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            task = asyncio.create_task(self._ask(batch))
            self._running.add(task)
            task.add_done_callback(self._batch_done)

    def _batch_done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start_batch()

    async def _ask(self, batch: list[tuple[Query, asyncio.Future[Match]]]) -> None:
        queries = list(dict.fromkeys(query for query, _ in batch))
        now = self._clock.now()
        try:
            mappings = await self._mappings.find_mappings(queries, now)
            found = match_all(queries, mappings, now.date(), self._own_origin)
        except DirectoryError as error:
            _settle(batch, error)
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
        else:
            _settle(batch, {match.query: match for match in found})


def _settle(
    batch: list[tuple[Query, asyncio.Future[Match]]], result: dict[Query, Match] | DirectoryError
) -> None:
    for query, future in batch:
        if future.done():
            continue  # whoever asked has gone
        if isinstance(result, DirectoryError):
            future.set_exception(result)
        else:
            future.set_result(result.get(query, Match(query, ())))
