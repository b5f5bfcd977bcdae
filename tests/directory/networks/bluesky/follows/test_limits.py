"""The limits of a real PDS, switched on, with a clock that a test moves: a run waits as long as it must, and ends."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from directory.follows.states import ItemState
from directory.networks.bluesky.points import Allowances
from directory.networks.http import GuardedClient
from directory.networks.port import Purpose
from tests.directory.networks.bluesky.follows.following import (
    Follower,
    attempt,
    nothing_spent,
    records,
    stranger_did,
)
from tests.directory.networks.bluesky.timed import TimedInstance, clock_settings
from tests.peers.pds import running_pds_async

TIMERS: Final = Path(__file__).with_name("timers.mjs")


@pytest.fixture
async def timed(tmp_path: Path, http: GuardedClient) -> AsyncIterator[TimedInstance]:
    clock = tmp_path / "clock"
    clock.write_text("0")
    settings = clock_settings(clock)
    settings["NODE_OPTIONS"] += f" --import={TIMERS.as_uri()}"
    async with running_pds_async(settings=settings) as pds:
        instance = TimedInstance(pds, http)
        instance.clock = clock
        yield instance


async def send_all(run: Follower) -> None:
    """Sends until it has to wait."""
    while (told := await run.step()) is not None and told.wait_until is None:
        assert told.spent


async def test_a_run_waits_for_the_hour_and_ends(timed: TimedInstance) -> None:
    """The server grants 5,000 points an hour, whoever spends them: 1,666 follows. A second process knows nothing of what
    the first one has spent: it is refused once, waits as long as the server says, and is not refused again."""
    alice = await asyncio.to_thread(timed.pds.create_account)
    run = Follower.of(timed, (await timed.signed_in(alice, Purpose.FOLLOW)).tokens)
    run.want(*(attempt(number) for number in range(1_700)))
    await send_all(run)
    assert 429 not in run.line.statuses
    assert run.states() == {"followed": 1_666, "pending": 34}
    assert len(run.line.paths) == 9

    run.budget, run.allowances = nothing_spent(timed.now()), Allowances()
    told = await run.step()
    assert told is not None
    assert run.line.statuses[-1] == 429
    assert run.states() == {"followed": 1_666, "pending": 34}
    assert told.wait_until is not None
    assert timedelta(minutes=30) < told.wait_until - timed.now() <= timedelta(hours=1, seconds=5)
    assert await run.step() is None

    wait = told.wait_until - timed.now()
    timed.wait(seconds=wait.total_seconds() - 20)
    assert await run.step() is None
    timed.wait(seconds=20)
    run.tokens = await timed.refreshed(run.tokens)
    run.line = Follower.of(timed, run.tokens).line
    while run.in_state(ItemState.PENDING):
        assert await run.step() is not None
    assert run.line.statuses == [200]
    subjects = [each["subject"] for each in (await records(timed, alice.did)).values()]
    assert sorted(subjects) == sorted(map(stranger_did, range(1_700)))
