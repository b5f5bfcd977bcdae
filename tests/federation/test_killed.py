"""kill -9 at every point of a batch, each once: the process ends itself there, and another one goes on."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest

from directory.store.database import Database
from federation.keys.rotate import KeyRotation
from tests.directory.members.people import at_bluesky
from tests.federation.faults import When
from tests.federation.killing import Killing
from tests.federation.log_harness import ORIGIN, LogHarness
from tests.federation.published_members import publish_as_ada
from tests.harness.clock import FakeClock

KILLED: Final = -9
MAX_POINTS: Final = 80
TABLES: Final = (
    "log_state, log_cosignature, log_tile, log_statement, log_revoke, log_operations, mapping, staged_batch"
)
MARK: Final = {"mark: write", "mark: replace", "mark: sync"}
WRITES: Final = {
    "UPDATE log_state SET staged_size",
    "INSERT INTO log_tile (place,",
    "COPY log_statement",
    "INSERT INTO staged_batch (mappings,",
    "INSERT INTO mapping AS",
    "DELETE FROM staged_batch",
    "UPDATE log_statement SET revoked_by",
    "INSERT INTO log_revoke (target,",
    "UPDATE log_state SET signed",
    "UPDATE log_state SET published",
    "INSERT INTO arrival (origin,",
    "UPDATE log_state SET ingested_size",
    "DELETE FROM log_statement WHERE",
    "DELETE FROM mapping m",
    "COMMIT",
} | MARK
BEGINNING: Final = {"INSERT INTO log_state (id,", "INSERT INTO log_operations (number,"}
RESTATED: Final = {"UPDATE log_statement SET ended", "UPDATE publication SET replaces"}

each_way = pytest.mark.parametrize("when", ["before", "during", "after"])


@pytest.fixture
def harness(database: Database, folder: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, folder / "data", clock)


class Life:
    """One log, whose processes are killed at one point after another."""

    def __init__(self, harness: LogHarness, killing: Killing, dsn: str, when: When) -> None:
        self.harness = harness
        self.killing = killing
        self.dsn = dsn
        self.when = when
        self.struck: set[str] = set()

    async def run(self, at: int = -1) -> int:
        """Runs a new process, which checks everything before it goes on. Returns its status."""
        ended = self.killing.run(
            dsn=self.dsn,
            data=str(self.harness.keys.path.parent),
            origin=ORIGIN,
            now=self.harness.clock.now(),
            at=at,
            when=self.when,
        )
        assert ended.errors == []
        for size, root in ended.signed:
            self.harness.note_signed(size, bytes.fromhex(root))
        if ended.status == KILLED:
            self.struck.add(ended.points[at])
            assert len(ended.points) == at + 1
        return ended.status

    async def strike_each(self, prepare: Callable[[int], Awaitable[Any]]) -> int:
        """Prepares a batch, kills its process at the next point, and lets another one finish, until no point is left.

        Returns the number of points.
        """
        for at in range(MAX_POINTS):
            await prepare(at)
            status = await self.run(at)
            if status == KILLED:
                assert await self.run() == 0
            await self.harness.check()
            assert await self.harness.fetch("SELECT FROM mapping WHERE state IN (0, 2)") == []
            if status != KILLED:
                await self.harness.check_history()
                return at
        raise AssertionError("a batch never ends")


@pytest.fixture
def life(harness: LogHarness, killing: Killing, dsn: str, when: When) -> Life:
    return Life(harness, killing, dsn, when)


def expected(when: When, points: set[str]) -> set[str]:
    return {"COMMIT"} if when == "during" else points


@each_way
async def test_at_every_point_of_the_first_batch(life: Life, when: When) -> None:
    """A log that was begun half is gone on with, never begun again."""
    harness = life.harness

    async def begin(_at: int) -> None:
        async with harness.database.connection() as connection:
            await connection.execute(f"TRUNCATE {TABLES} CASCADE")
        harness.reset_mark()
        harness.made, harness.signed = 0, {}
        await harness.add_pending(3)

    assert await life.strike_each(begin) >= (2 if when == "during" else 14)
    assert life.struck >= expected(when, BEGINNING | {"UPDATE log_operations SET leaf"} | MARK)
    assert (await harness.check()).checkpoint.size == 4


@each_way
async def test_at_every_point_of_a_batch(life: Life, when: When) -> None:
    """People to publish, some to revoke, and a member who says something else than before."""
    harness, clock = life.harness, life.harness.clock
    membership, _ = await publish_as_ada(harness)
    await harness.run()

    async def prepare(at: int) -> None:
        rows = await harness.fetch("SELECT leaf FROM mapping WHERE state = 1 AND x_handle <> 'ada' LIMIT 2")
        await harness.withdraw([row["leaf"] for row in rows])
        await harness.add_pending(5)
        await membership.sign_in(at_bluesky("ada", handle=f"ada{at}.example", at=clock.now()))
        harness.made += 1
        clock.advance(seconds=1)

    points = await life.strike_each(prepare)
    assert points >= (2 if when == "during" else 20)
    assert life.struck >= expected(when, WRITES | RESTATED)
    rows = await harness.fetch("SELECT target_handle FROM mapping WHERE x_handle = 'ada'")
    assert [row["target_handle"] for row in rows] == [f"ada{points}.example"]
    assert len(await harness.live_leaves()) == 1 + 5 * (points + 1) - 2 * points


@each_way
async def test_at_every_point_where_the_key_changes(life: Life, when: When) -> None:
    """Announced and switched in turn: each checkpoint is signed by whom its document names."""
    harness = life.harness
    rotation = KeyRotation(harness.database, harness.keys, harness.clock)
    await harness.run()

    async def prepare(_at: int) -> None:
        harness.clock.advance(days=7)
        await rotation.rotate()
        await harness.add_pending(2)

    assert await life.strike_each(prepare) >= (2 if when == "during" else 12)
    assert life.struck >= expected(when, {"UPDATE log_operations SET leaf", "COMMIT"} | MARK)
