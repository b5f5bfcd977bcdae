"""Whoever asks is told in time that the database does not answer."""

import asyncio

import asyncpg
import pytest

from directory.answer_times import answer_within
from directory.errors import DirectoryUnavailable
from directory.identifiers import XId
from directory.queries import Query
from directory.services import batching
from directory.services.batching import LookupBatcher
from tests.harness.clock import FakeClock
from tests.harness.stored import StoredMappings

SHORT_S = 0.2
TIMEOUT_S = 30


async def test_lookups_behind_a_lock_are_refused_and_come_back(
    dsn: str, mapping_store: StoredMappings, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement that hung for a minute kept the next batch from being asked, and whoever waited for it."""
    monkeypatch.setattr(batching, "ANSWER_TIMEOUT_S", SHORT_S)
    batcher = LookupBatcher(mapping_store, clock, "here.example/log")
    other = await asyncpg.connect(dsn)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            transaction = other.transaction()
            await transaction.start()
            await other.execute("LOCK TABLE mapping IN ACCESS EXCLUSIVE MODE")
            for _ in range(2):
                asked = [batcher.lookup(Query(XId(number))) for number in range(1, 4)]
                found = await asyncio.gather(*asked, return_exceptions=True)
                assert [type(each) for each in found] == [DirectoryUnavailable] * 3
            await transaction.rollback()
            monkeypatch.setattr(batching, "ANSWER_TIMEOUT_S", TIMEOUT_S)
            assert (await batcher.lookup(Query(XId(1)))).answers == ()
    finally:
        await other.close()


async def test_who_goes_takes_the_work_along() -> None:
    is_over = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            is_over.set()

    waiting = asyncio.create_task(answer_within(TIMEOUT_S, work()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(is_over.wait(), TIMEOUT_S)
