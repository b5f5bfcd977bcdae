"""Leased rows of any table: no row is held twice at a time, no row is lost, a late result is refused."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.migrate import migrate
from directory.store.leases import Lease, LeasedTable
from tests.conftest import TEMPLATE
from tests.harness.clock import START, FakeClock
from tests.harness.postgres import SharedPostgres

LEASE: Final = timedelta(minutes=5)
ROWS: Final = 4
WORK: Final = LeasedTable(
    name="work",
    key="number",
    lease=LEASE,
    waits="done IS NULL",
    ending="done = $3",
    hosts="ARRAY[host]",
    heeds_backoff=True,
)
MAKE: Final = """
CREATE TABLE IF NOT EXISTS work (number bigint PRIMARY KEY, host text, done text,
    attempts integer NOT NULL DEFAULT 0, next_at timestamptz NOT NULL)
"""
Action = Literal["claim", "release", "reschedule", "finish", "die"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_dsn(postgres: SharedPostgres) -> AsyncIterator[str]:
    template = await postgres.template(TEMPLATE, migrate)
    async with postgres.database(template) as address:
        yield address


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection to a database with a table of work, whose keys are numbers."""
    opened = await asyncpg.connect(dsn)
    await opened.execute(MAKE)
    yield opened
    await opened.close()


async def add(connection: "asyncpg.Connection[asyncpg.Record]", *hosts: str | None) -> None:
    """Adds rows that are due now; the first has been due longest."""
    for number, host in enumerate(hosts):
        await connection.execute(
            "INSERT INTO work (number, host, next_at) VALUES ($1, $2, $3)",
            number,
            host,
            START - timedelta(seconds=len(hosts) - number),
        )


async def claim(
    connection: "asyncpg.Connection[asyncpg.Record]",
    now: datetime = START,
    limit: int = 10,
    busy: Sequence[str] = (),
) -> list[Lease]:
    rows = await WORK.claim(connection, now, limit, "number, attempts", busy)
    return sorted(Lease(row["number"], row["attempts"]) for row in rows)


async def test_the_longest_due_comes_first_and_what_is_not_due_waits(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    await add(connection, "one.example", "two.example", "three.example")
    assert await claim(connection, START - timedelta(minutes=1)) == []
    assert await claim(connection, limit=2) == [Lease(0, 1), Lease(1, 1)]
    assert await claim(connection) == [Lease(2, 1)]
    assert await claim(connection) == []


async def test_a_claim_brings_what_it_is_asked_for(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    await add(connection, "one.example")
    ((row),) = await WORK.claim(connection, START, 1, "number, done, next_at")
    assert (row["number"], row["done"], row["next_at"]) == (0, None, START + LEASE)
    assert row["hosts"] == ["one.example"]


async def test_busy_hosts_are_left_out(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await add(connection, "slow.example", None, "slow.example", "quick.example")
    assert await claim(connection, busy=["slow.example", "other.example"]) == [Lease(1, 1), Lease(3, 1)]
    assert await claim(connection) == [Lease(0, 1), Lease(2, 1)]


async def test_a_host_that_is_left_alone_keeps_its_rows_due(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """Not lost, and not put further away: they are claimed as soon as the host may be asked again."""
    await add(connection, "down.example", "up.example")
    until = START + timedelta(minutes=3)
    await connection.execute("INSERT INTO host_backoff VALUES ('down.example', $1, 1, $2)", until, START)
    assert await claim(connection) == [Lease(1, 1)]
    assert await claim(connection, until - timedelta(seconds=1)) == []
    assert await claim(connection, until) == [Lease(0, 1)]


async def test_what_was_killed_comes_back_and_is_not_heard_any_more(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """kill -9: the lease runs out, another takes the row, and the late result of the first changes nothing."""
    await add(connection, "one.example")
    (dead,) = await claim(connection)
    later = START + LEASE
    assert await claim(connection, later - timedelta(seconds=1)) == []
    (alive,) = await claim(connection, later)
    assert alive == Lease(0, 2)
    before = await connection.fetchrow("SELECT * FROM work")
    assert not await WORK.lock(connection, dead)
    assert not await WORK.release(connection, dead, later)
    assert not await WORK.reschedule(connection, dead, later)
    assert not await WORK.finish(connection, dead, "wrong")
    assert await connection.fetchrow("SELECT * FROM work") == before
    assert await WORK.lock(connection, alive)
    assert await WORK.finish(connection, alive, "well")
    assert not await WORK.finish(connection, alive, "twice")
    assert await connection.fetchval("SELECT done FROM work") == "well"


async def test_an_attempt_that_was_released_does_not_count(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    await add(connection, "one.example")
    (lease,) = await claim(connection)
    assert await WORK.release(connection, lease, START)
    assert not await WORK.release(connection, lease, START)
    assert await claim(connection) == [Lease(0, 1)]


async def test_work_that_ends_with_its_row(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    deleting = LeasedTable(name="work", key="number", lease=LEASE, waits="true", ending=None)
    await add(connection, "one.example")
    (row,) = await deleting.claim(connection, START, 1, "number, attempts")
    assert row["hosts"] == []
    assert not await deleting.finish(connection, Lease(0, row["attempts"] + 1))
    assert await deleting.finish(connection, Lease(0, row["attempts"]))
    assert await connection.fetchval("SELECT count(*) FROM work") == 0


async def test_two_who_claim_at_once_share(
    dsn: str, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Neither waits for the other, and no row comes to both."""
    await add(connection, *["one.example"] * 20)
    others = [await asyncpg.connect(dsn) for _ in range(3)]
    claimed = await asyncio.gather(*(claim(each, limit=8) for each in others))
    keys = [lease.key for leases in claimed for lease in leases]
    assert len(keys) == len(set(keys))
    assert len(keys) + len(await claim(connection, limit=20)) == 20
    for each in others:
        await each.close()


@dataclass
class Play:
    """Two workers over one table, and the invariants that hold for any steps of them."""

    connection: "asyncpg.Connection[asyncpg.Record]"
    clock: FakeClock = field(default_factory=FakeClock)
    held: tuple[list[Lease], list[Lease]] = field(default_factory=lambda: ([], []))
    leased_until: dict[object, datetime] = field(default_factory=dict)
    """Rows that a worker holds and has not released."""
    owners: dict[object, tuple[int, Lease]] = field(default_factory=dict)
    finished: set[object] = field(default_factory=set)

    async def act(self, worker: int, action: Action, step_s: int) -> None:
        """Takes one step of one worker, some time after the last."""
        self.clock.advance(seconds=step_s, microseconds=1)
        if action == "claim":
            await self._claim(worker)
        elif self.held[worker]:
            lease = self.held[worker].pop(0)
            if action != "die":
                await self._end(worker, lease, action)

    async def _claim(self, worker: int) -> None:
        now = self.clock.now()
        for lease in await claim(self.connection, now, limit=1):
            assert lease.key not in self.finished, "what is done is not done again"
            assert self.leased_until.get(lease.key, now) <= now, "somebody else has it"
            self.leased_until[lease.key] = now + LEASE
            self.owners[lease.key] = worker, lease
            self.held[worker].append(lease)

    async def _end(self, worker: int, lease: Lease, action: Action) -> None:
        now, is_owner = self.clock.now(), self.owners.get(lease.key) == (worker, lease)
        is_leased = self.leased_until.get(lease.key, now) > now
        if action == "release":
            was_heard = await WORK.release(self.connection, lease, now)
        elif action == "reschedule":
            was_heard = await WORK.reschedule(self.connection, lease, now + timedelta(minutes=2))
        else:
            was_heard = await WORK.finish(self.connection, lease, "done")
        assert was_heard or not is_owner, "whose turn it is is heard"
        assert is_owner or not (is_leased and was_heard), "nobody speaks for a row that another has"
        if was_heard:
            self.leased_until.pop(lease.key, None)
            self.owners.pop(lease.key, None)
        if was_heard and action == "finish":
            assert lease.key not in self.finished
            self.finished.add(lease.key)

    async def drain(self) -> None:
        """Ends both workers; a third one then finds every row that was not finished."""
        self.clock.advance(days=1)
        left = await claim(self.connection, self.clock.now(), limit=ROWS + 1)
        assert {lease.key for lease in left} == set(range(ROWS)) - self.finished


@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 1),
            st.sampled_from(["claim", "claim", "release", "reschedule", "finish", "die"]),
            st.integers(0, 200),
        ),
        max_size=40,
    )
)
@settings(deadline=None, max_examples=60)
def test_no_row_is_run_twice_at_a_time_and_none_is_lost(
    module_dsn: str, steps: list[tuple[int, Action, int]]
) -> None:
    """Any steps of two workers that claim, release, reschedule, finish, forget what they had, and come late."""

    async def run() -> None:
        connection = await asyncpg.connect(module_dsn)
        try:
            await connection.execute(f"DROP TABLE IF EXISTS work; {MAKE}")
            await add(connection, *["one.example"] * ROWS)
            play = Play(connection)
            for worker, action, step_s in steps:
                await play.act(worker, action, step_s)
            await play.drain()
        finally:
            await connection.close()

    asyncio.run(run())
