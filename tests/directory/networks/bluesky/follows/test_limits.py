"""The limits of a real PDS, switched on, with a clock that a test moves: a run waits as long as it must, and ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from directory.networks.bluesky.points import Allowances
from directory.networks.bluesky.xrpc import Refusal
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


async def spend_elsewhere(run: Follower, points: int) -> None:
    """Spends points as another app of the member does: refused writes cost as much as others."""
    async with run.session() as session:
        for start in range(0, points // 3, 200):
            odd = [attempt(start + each, "nobody", "3" * 13) for each in range(200)]
            with suppress(Refusal):
                await session._way.add(odd)


async def test_a_run_waits_for_the_hour_and_ends(timed: TimedInstance) -> None:
    """The server grants 5,000 points an hour, whoever spends them. Another app has spent 3,600: the headers say so, and
    all that is left is used, without one refusal. A second process knows nothing of that: it is refused once, waits as
    long as the server says, and is not refused again."""
    alice = await asyncio.to_thread(timed.pds.create_account)
    run = Follower.of(timed, (await timed.signed_in(alice, Purpose.FOLLOW)).tokens)
    run.want(*(attempt(number) for number in range(500)))
    await spend_elsewhere(run, 3_600)
    run.allowances, run.line.paths, run.line.statuses = Allowances(), [], []
    await send_all(run)
    assert run.line.statuses == [200, 200] * 3, "a look at blocks, and a batch"
    assert run.states() == {"followed": 466, "pending": 34}

    run.budget, run.allowances = nothing_spent(timed.now()), Allowances()
    told = await run.step()
    assert told is not None
    assert run.line.statuses == [*[200, 200] * 3, 200, 429]
    assert run.states() == {"followed": 466, "pending": 34}
    assert told.wait_until is not None
    assert timedelta(minutes=50) < told.wait_until - timed.now() <= timedelta(hours=1, seconds=5)
    assert await run.step() is None

    wait = told.wait_until - timed.now()
    timed.wait(seconds=wait.total_seconds() - 20)
    assert await run.step() is None
    timed.wait(seconds=20)
    run.tokens = await timed.refreshed(run.tokens)
    run.line = Follower.of(timed, run.tokens).line
    assert await run.step() is not None
    assert run.line.statuses == [200, 200]
    subjects = [each["subject"] for each in (await records(timed, alice.did)).values()]
    assert sorted(subjects) == sorted(map(stranger_did, range(500)))
