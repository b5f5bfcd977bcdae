"""Whoever waits for a batch of lookups is answered or refused, whatever becomes of the batch."""

import asyncio
import inspect
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg
import pytest

from directory.errors import DirectoryUnavailable, LookupFailed
from directory.mappings import Mapping
from directory.queries import Query
from directory.services.batching import BATCH_TASK, BATCHES_AT_ONCE, MAX_BATCH, LookupBatcher
from tests.harness.clock import FakeClock
from tests.harness.mappings import ORIGIN, bluesky
from tests.harness.stored import StoredMappings

SETTLED_WITHIN_S: Final = 20
SEVERAL: Final = 5
DRIVER_ERRORS: Final = sorted(
    {each for each in vars(asyncpg).values() if inspect.isclass(each) and issubclass(each, Exception)},
    key=lambda each: each.__name__,
)


class FailingStore(StoredMappings):
    """Fails each statement with one error."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.asked = 0

    async def find_mappings(
        self, queries: Sequence[Query], now: datetime, *, with_evidence: bool = True
    ) -> list[Mapping]:
        self.asked += 1
        await asyncio.sleep(0)
        raise self.error


async def settled(
    batcher: LookupBatcher, numbers: Sequence[int], within_s: float = SETTLED_WITHIN_S
) -> list[bool | BaseException]:
    """Returns for each number whether it was found, or the error that its lookup raised."""
    async with asyncio.timeout(within_s):
        asked = (batcher.lookup(Query.parse(str(number))) for number in numbers)
        results = await asyncio.gather(*asked, return_exceptions=True)
    return [each if isinstance(each, BaseException) else bool(each.answers) for each in results]


async def test_every_error_of_the_driver_is_told_to_all_who_wait(clock: FakeClock) -> None:
    """The batcher named some errors of the database: with any other, all lookups waited for ever."""
    assert len(DRIVER_ERRORS) > 200
    for kind in DRIVER_ERRORS:
        results = await settled(
            LookupBatcher(FailingStore(kind("a fault")), clock, ORIGIN), range(1, SEVERAL)
        )
        assert {type(each) for each in results} == {LookupFailed}, kind
        assert {type(each.__cause__) for each in results if isinstance(each, LookupFailed)} == {kind}
        # An error that all of them raise would grow by the traceback of each.
        assert len({id(each) for each in results}) == SEVERAL - 1


@pytest.mark.parametrize(
    "error", [DirectoryUnavailable("gone"), OSError(), KeyError("x"), ExceptionGroup("x", [OSError()])]
)
async def test_other_errors_are_told_too(error: Exception, clock: FakeClock) -> None:
    results = await settled(LookupBatcher(FailingStore(error), clock, ORIGIN), range(1, SEVERAL))
    kind = DirectoryUnavailable if isinstance(error, DirectoryUnavailable) else LookupFailed
    assert [type(each) for each in results] == [kind] * (SEVERAL - 1)


async def test_an_error_of_the_database_is_met_once_a_batch(clock: FakeClock) -> None:
    """Asked again in halves, a broken database would get four hundred statements for each batch."""
    store = FailingStore(asyncpg.UndefinedTableError("a fault"))
    await settled(LookupBatcher(store, clock, ORIGIN), range(1, 1 + MAX_BATCH))
    assert store.asked == BATCHES_AT_ONCE + 1  # the first come alone


async def test_a_clock_that_fails_is_told(clock: FakeClock, mapping_store: StoredMappings) -> None:
    class BrokenClock(FakeClock):
        def now(self) -> datetime:
            raise OverflowError

    results = await settled(LookupBatcher(mapping_store, BrokenClock(), ORIGIN), [1])
    assert [type(each) for each in results] == [LookupFailed]


async def test_one_bad_row_fails_alone(mapping_store: StoredMappings, clock: FakeClock) -> None:
    """Everybody of a batch waited for ever, since one of them asked for a row that cannot be read."""
    await mapping_store.add([bluesky(f"n{number}", number) for number in range(1, 151)])
    async with mapping_store.database.connection() as connection:
        await connection.execute("UPDATE mapping SET evidence = '{}' WHERE x_id = ANY('{77, 141}')")
    results = await settled(LookupBatcher(mapping_store, clock, ORIGIN), range(1, 161))
    assert [number for number, each in enumerate(results, 1) if each is True] == [
        number for number in range(1, 151) if number not in {77, 141}
    ]
    assert [number for number, each in enumerate(results, 1) if each is False] == list(range(151, 161))
    assert isinstance(results[76], LookupFailed)
    assert isinstance(results[140], LookupFailed)


async def test_a_table_that_has_gone_is_told(mapping_store: StoredMappings, clock: FakeClock) -> None:
    """Lookups waited for ever while the table had another name, and after it had its own again."""
    await mapping_store.add([bluesky("jack", 12)])
    batcher = LookupBatcher(mapping_store, clock, ORIGIN)
    async with mapping_store.database.connection() as connection:
        await connection.execute("ALTER TABLE mapping RENAME TO elsewhere")
        results = await settled(batcher, [12, 13, 14])
        assert [type(each) for each in results] == [LookupFailed] * 3
        await connection.execute("ALTER TABLE elsewhere RENAME TO mapping")
    assert await settled(batcher, [12, 13]) == [True, False]


@pytest.mark.parametrize("has_begun", [False, True])
async def test_a_killed_batch_leaves_nobody_waiting(
    mapping_store: StoredMappings, clock: FakeClock, *, has_begun: bool
) -> None:
    """The task of a batch is cancelled, once before its first step: then no line of it ever runs."""
    batcher = LookupBatcher(mapping_store, clock, ORIGIN)
    asked = [asyncio.create_task(settled(batcher, [number])) for number in range(1, SEVERAL)]
    await asyncio.sleep(0)  # they ask
    await asyncio.sleep(0)  # the lookups in them begin
    batches = [task for task in asyncio.all_tasks() if task.get_name() == BATCH_TASK]
    if has_begun:
        await asyncio.sleep(0)
    assert len(batches) == BATCHES_AT_ONCE
    for batch in batches:
        batch.cancel()
    async with asyncio.timeout(SETTLED_WITHIN_S):
        results = [each for task in asked for each in await task]
    # The first were in the batches that were killed, each alone; the others are answered by the next one.
    assert {type(each) for each in results[:BATCHES_AT_ONCE]} == {DirectoryUnavailable}
    assert results[BATCHES_AT_ONCE:] == [False] * (SEVERAL - 1 - BATCHES_AT_ONCE)


async def test_whoever_has_gone_is_not_answered(mapping_store: StoredMappings, clock: FakeClock) -> None:
    await mapping_store.add([bluesky("jack", 12)])
    batcher = LookupBatcher(mapping_store, clock, ORIGIN)
    gone = asyncio.create_task(batcher.lookup(Query.parse("12")))
    stays = asyncio.create_task(batcher.lookup(Query.parse("12")))
    await asyncio.sleep(0)
    gone.cancel()
    async with asyncio.timeout(SETTLED_WITHIN_S):
        assert (await stays).answers
