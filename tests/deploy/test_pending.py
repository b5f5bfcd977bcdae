"""What the bench publishes is what members publish: a log of it is sound."""

from pathlib import Path

from deploy.pending import add_pending
from directory.store.database import Database
from federation.own_log.draining import drain
from tests.federation.log_harness import ORIGIN, LogHarness
from tests.harness.clock import FakeClock


async def test_a_log_of_what_the_bench_publishes_is_sound(
    database: Database, tmp_path: Path, clock: FakeClock
) -> None:
    harness = LogHarness(database, tmp_path / "data", clock)
    await add_pending(database, 300, ORIGIN, clock.now())
    waiting: list[int] = []
    await drain(database, harness.sequencer(), clock, waiting.append)
    assert (waiting[0], waiting[-1]) == (300, 0)
    assert len(await harness.live_leaves()) == 300
    assert (await harness.check()).checkpoint.size == 301
