"""When a run goes on: its day, the limits of its account, servers that are away, and clocks that jump."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from directory.follows.states import ItemState, RunState
from directory.follows.times import SPREAD_S
from directory.store.follow_runs import mend_schedules
from tests.directory.follows.site import FollowSite, handle
from tests.harness.clock import START
from tests.harness.fake_follows import BusyNetwork, Killed


async def test_a_server_that_is_down_for_a_day_delays_and_loses_nothing(site: FollowSite) -> None:
    site.network.batch = 2
    await site.publish(*range(6))
    run = await site.start(*range(6))
    await site.run_once()
    await site.run_once()
    site.network.is_down = True
    ends = site.clock.now() + timedelta(days=1)
    while site.clock.now() < ends:
        await site.run_once()
        site.clock.advance(minutes=30)
    assert (await site.only_run()).note == "unreachable"
    site.network.is_down = False
    assert (await site.drive()).state is RunState.DONE
    assert await site.states(run) == {ItemState.FOLLOWED: 6}
    assert site.network.followed == [handle(number) for number in range(6)]


async def test_a_server_that_never_answers_is_left_after_a_while(site: FollowSite) -> None:
    site.step_s = 0.05
    await site.publish(1)
    await site.start(1)
    await site.run_once()
    site.network.hangs = True
    await site.run_once()
    assert (await site.only_run()).note == "too-slow"
    assert (await site.only_run()).next_at > site.clock.now()
    site.step_s, site.network.hangs = 5.0, False
    assert (await site.drive()).state is RunState.DONE


@pytest.mark.parametrize("hours", [-30, 30, 24 * 100])
async def test_a_clock_that_jumps_stops_no_run(site: FollowSite, hours: float) -> None:
    """A clock that ran ahead for a moment put the next step off for a year."""
    site.network.batch, site.network.points_an_hour = 2, 6
    await site.publish(*range(6))
    run = await site.start(*range(6))
    for _ in range(3):
        await site.run_once()
    site.clock.advance(hours=hours)
    await site.run_once()
    await site.run_once()
    site.clock.advance(hours=-hours)
    async with site.database.connection() as connection:
        await mend_schedules(connection, site.clock.now())
    began = site.clock.now()
    assert (await site.drive()).state is RunState.DONE
    assert await site.states(run) == {ItemState.FOLLOWED: 6}
    assert site.network.followed == [handle(number) for number in range(6)]
    assert site.clock.now() - began < timedelta(days=3)


async def test_the_limits_of_the_account_are_kept_and_429_never_comes_twice_in_a_row(
    site: FollowSite,
) -> None:
    """The network lets through less than it says."""
    site.network.limit = 7
    await site.publish(*range(40))
    run = await site.start(*range(40))
    assert (await site.drive()).state is RunState.DONE
    assert await site.states(run) == {ItemState.FOLLOWED: 40}
    assert len(set(site.network.followed)) == 40
    refusals = site.network.refusals
    assert any(refusals)
    assert not any(this and following for this, following in pairwise(refusals))
    assert site.clock.now() - START >= timedelta(hours=5)


async def test_points_are_spent_and_not_overspent(site: FollowSite) -> None:
    site.network.points_an_hour = 30
    await site.publish(*range(25))
    run = await site.start(*range(25))
    for _ in range(3):
        await site.run_once()
    assert len(site.network.followed) == 10
    progress = await site.following.progress(site.member, run.id)
    assert progress.budget.hour_spent == 30
    assert progress.next_slot is not None
    assert progress.next_slot == progress.budget.hour_began + timedelta(hours=1)
    assert progress.ends_at is not None
    await site.drive()
    assert site.clock.now() - START >= timedelta(hours=2)
    assert len(set(site.network.followed)) == 25


async def test_a_429_without_a_word_is_heeded_for_five_minutes(site: FollowSite) -> None:
    await site.publish(1)
    site.network = BusyNetwork(clock=site.clock)
    await site.start(1)
    await site.run_once()
    asked: list[datetime] = []
    for _ in range(30):
        before = len(site.network.asked)
        await site.run_once()
        asked += [site.clock.now()] * (len(site.network.asked) - before)
        site.clock.advance(minutes=1)
    assert len(asked) >= 5
    assert all(later - sooner >= timedelta(minutes=5) for sooner, later in pairwise(asked))


async def test_a_run_begins_at_its_time(site: FollowSite) -> None:
    await site.publish(1)
    await site.start(1, starts_at=START + timedelta(days=10))
    site.clock.advance(days=9, hours=23)
    assert await site.run_once() is None
    site.clock.advance(hours=2)
    assert (await site.drive()).state is RunState.DONE


async def test_no_run_begins_before_the_day_of_all_which_can_be_moved(site: FollowSite) -> None:
    site.day = date(2026, 12, 31)
    await site.publish(1)
    await site.start(1)
    site.clock.advance(days=20)
    await site.run_once()
    assert site.network.asked == []
    site.day = date(2026, 11, 22)
    assert (await site.drive()).state is RunState.DONE
    begun = site.clock.now() - datetime(2026, 11, 22, tzinfo=UTC)
    assert timedelta(0) <= begun < timedelta(seconds=SPREAD_S + 120)


@pytest.mark.parametrize("called", ["read", "follow", "look"])
async def test_a_clock_that_is_set_back_a_day_delays_a_run_and_doubles_nobody(
    site: FollowSite, called: str
) -> None:
    """Fault: a wrong clock was put right in the middle of a call, and stays so."""
    site.network.batch, site.network.points_an_hour, site.network.slow_to_tell = 2, 6, True
    await site.publish(*range(6))
    site.clock.advance(hours=48)
    run = await site.start(*range(6))

    jumps: list[str] = []

    def set_back(what: str) -> None:
        if what == called and not jumps:
            jumps.append(what)
            site.clock.advance(hours=-24)

    site.network.before_call = set_back
    began = site.clock.now()
    assert (await site.drive()).state is RunState.DONE
    assert jumps == [called]
    assert await site.states(run) == {ItemState.FOLLOWED: 6}
    assert site.network.followed == [handle(number) for number in range(6)]
    assert site.clock.now() - began < timedelta(days=1)


async def test_points_of_batches_that_were_killed_count_for_their_hour_and_the_run_ends(
    site: FollowSite,
) -> None:
    """Attack by chance: the process is killed after the points of a batch were spent and before anything was sent, again and
    again. What the hour still permits is then less than was sent, never more, and no hour is lost twice."""
    site.network.batch, site.network.points_an_hour, site.network.limit = 4, 12, 4
    await site.publish(*range(8))
    run = await site.start(*range(8))
    killed = 0

    def kill(what: str) -> None:
        nonlocal killed
        if what == "follow" and killed < 3:
            killed += 1
            raise Killed

    site.network.before_call = kill
    began = site.clock.now()
    assert (await site.drive()).state is RunState.DONE
    assert killed == 3
    assert await site.states(run) == {ItemState.FOLLOWED: 8}
    assert site.network.sent == site.network.followed == [handle(number) for number in range(8)]
    assert not any(site.network.refusals)
    assert site.clock.now() - began < timedelta(hours=6)
