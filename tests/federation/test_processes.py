"""Two real sequencer processes at once on one database: one leads, the other takes over, and nothing forks."""

import asyncio
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from directory.store.database import Database
from tests.federation.killing import Ended, Killing, Running
from tests.federation.log_harness import ORIGIN, LogHarness
from tests.harness.clock import FakeClock

PATIENCE_S: Final = 60
LOOK_EVERY_S: Final = 0.02


@pytest.fixture
def harness(database: Database, folder: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, folder / "data", clock)


@pytest.fixture
def common(harness: LogHarness, dsn: str) -> dict[str, Any]:
    """Returns the parameters of every process of the instance."""
    return {
        "dsn": dsn,
        "data": str(harness.keys.path.parent),
        "origin": ORIGIN,
        "now": harness.clock.now(),
        "max_batch": 5,
    }


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(LOOK_EVERY_S)


async def all_answer(harness: LogHarness) -> bool:
    return len(await harness.live_leaves()) == harness.made


def end_all(harness: LogHarness, killing: Killing, processes: list[Running]) -> list[Ended]:
    """Waits for processes, and checks that no size was signed with two roots by any of them."""
    ended = [killing.wait(process) for process in processes]
    for each in ended:
        for size, root in each.signed:
            harness.note_signed(size, bytes.fromhex(root))
    return ended


async def test_the_leader_is_killed_and_the_other_takes_over(
    harness: LogHarness, killing: Killing, common: dict[str, Any]
) -> None:
    """Again and again, in the middle of whatever it does."""
    processes = [killing.start(work="lead", **common)]
    await until(lambda: processes[0].has_told("leads"))
    for number in range(4):
        processes.append(killing.start(work="lead", **common))
        await until(lambda: processes[-1].has_told("stands by"))
        assert not processes[-1].has_told("leads"), "one leads at a time"
        await harness.add_pending(12)
        if number % 2:
            await until(lambda: all_answer(harness))
        processes[-2].send(signal.SIGKILL)
        await until(lambda: processes[-1].has_told("leads"))
        await until(lambda: all_answer(harness))
        await harness.check()
    processes[-1].send(signal.SIGTERM)
    ended = end_all(harness, killing, processes)
    assert [each.status for each in ended] == [-signal.SIGKILL] * 4 + [0]
    assert [error for each in ended for error in each.errors] == []
    await harness.check_history()


async def test_all_believe_that_they_lead(
    harness: LogHarness, killing: Killing, common: dict[str, Any]
) -> None:
    """An advisory lock ends with its connection, and a process may not have noticed: without any lock, nothing is
    signed twice. One of them is killed meanwhile."""
    await harness.add_pending(60)
    processes = [killing.start(work="race", rounds=25, **common) for _ in range(3)]
    await until(lambda: processes[0].has_told("root"))
    processes[0].send(signal.SIGKILL)
    for _ in range(5):
        await harness.add_pending(10)
    errors = [error for each in end_all(harness, killing, processes) for error in each.errors]
    assert all(error.startswith("LogWaits: ") for error in errors), errors
    await harness.run()
    await harness.check()
    await harness.check_history()
    assert await all_answer(harness)


async def test_a_clock_that_was_set_back_is_told_by_every_process(
    harness: LogHarness, killing: Killing, common: dict[str, Any]
) -> None:
    """A machine that comes back with its clock an hour behind: it would date what it says before what it has said."""
    await harness.add_pending(3)
    await harness.run()
    await harness.add_pending(3)
    behind = common | {"now": harness.clock.now() - timedelta(hours=1)}
    ended = killing.run(**behind)
    assert (ended.status, ended.signed) == (1, [])
    assert ended.errors == [
        "WrongClock: the clock says 2026-11-01 11:00:00 UTC, and the log was cosigned at 2026-11-01 12:00:00"
    ]
    leader = killing.start(work="lead", **behind)
    await until(lambda: "the clock says" in leader.told.read_text())
    leader.send(signal.SIGTERM)
    assert killing.wait(leader).signed == []
    assert killing.run(**common).status == 0
    await harness.check()
    await harness.check_history()
