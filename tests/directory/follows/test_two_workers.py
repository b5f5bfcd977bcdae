"""Two processes at one run: a lease that ended while its call was under way, and two batches of one wish."""

import asyncio

import pytest

from directory.follows.states import ItemState, RunState
from directory.store.follow_runs import RUN_LEASE
from tests.directory.follows.days import Days
from tests.directory.follows.site import FollowSite, handle

BOTH = pytest.mark.parametrize("names_records", [True, False], ids=["Bluesky", "Mastodon"])


def outlive_lease(site: FollowSite) -> None:
    site.clock.advance(seconds=RUN_LEASE.total_seconds() + 1)


@BOTH
@pytest.mark.parametrize("late", ["before", "after"])
async def test_a_call_that_outlives_its_lease_doubles_nobody(
    site: FollowSite, names_records: bool, late: str
) -> None:
    """Fault: the machine slept in the middle of a call. Another process took over, looked, and followed; then the call
    arrived (or its answer did)."""
    site.network.names_records = names_records
    await site.publish(1, 2)
    run = await site.start(1, 2)

    async def take_over(called: str = "follow") -> None:
        if called == "follow":
            site.network.before_call = site.network.before_answer = None
            outlive_lease(site)
            while await site.run_once() is not None:
                pass

    if late == "before":
        site.network.before_call = take_over
    else:
        site.network.before_answer = take_over
    assert (await site.drive()).state is RunState.DONE
    assert site.network.followed == [handle(1), handle(2)]
    assert await site.states(run) == {ItemState.FOLLOWED: 2}
    await site.permit("second")
    await site.following.undo(site.member, run.id)
    await site.drive()
    assert site.network.followed == []


@BOTH
async def test_a_late_refusal_is_not_written_over_what_was_seen_since(
    site: FollowSite, names_records: bool
) -> None:
    """Fault: the call of a process whose lease had ended was refused; the person had been followed by the next meanwhile,
    and stood as not followed: no undo took that back."""
    site.network.names_records = names_records
    await site.publish(1)
    run = await site.start(1)

    async def take_over(called: str) -> None:
        if called == "follow":
            site.network.before_call = None
            outlive_lease(site)
            while await site.run_once() is not None:
                pass
            site.network.gone.add(handle(1))

    site.network.before_call = take_over
    assert (await site.drive()).state is RunState.DONE
    assert await site.items(run) == [(0, "followed", "none")]


async def test_what_the_next_process_followed_is_not_taken_for_followed_before(site: FollowSite) -> None:
    """Fault: two calls were under way, of the process whose lease had ended and of the next. The second followed, so the
    first was told "already": the person counted as followed before the run, and the undo left them followed."""
    network = site.network
    network.names_records = False
    await site.publish(1)
    run = await site.start(1)
    answered, is_late = asyncio.Event(), asyncio.Event()

    async def hold_answer() -> None:
        network.before_answer = None
        is_late.set()
        await answered.wait()

    next_one: list[asyncio.Task[object]] = []

    async def take_over(called: str) -> None:
        if called == "follow":
            network.before_call, network.before_answer = None, hold_answer
            outlive_lease(site)
            next_one.append(asyncio.create_task(_all(site)))
            await is_late.wait()

    network.before_call = take_over
    await _all(site)
    answered.set()
    await next_one[0]
    assert (await site.drive()).state is RunState.DONE
    assert await site.items(run) == [(0, "followed", "none")]
    await site.permit("second")
    await site.following.undo(site.member, run.id)
    await site.drive()
    assert network.followed == []


async def test_who_was_followed_before_is_known_as_such_also_by_an_answer_that_is_late(
    site: FollowSite,
) -> None:
    """The member pauses while the server answers that they follow this person already: an undo leaves them."""
    network = site.network
    network.names_records = False
    await site.publish(1)
    run = await site.start(1)

    async def pause(called: str) -> None:
        if called == "follow":
            network.before_call = None
            network.follow_by_hand(handle(1))
            await site.following.pause(site.member, run.id)

    network.before_call = pause
    await _all(site)
    assert await site.items(run) == [(0, "already", "already-followed")]


async def test_two_processes_make_one_batch_of_a_day(days: Days) -> None:
    """Attack by chance: two processes look for batches at the same moment, day after day."""
    await days.wish()
    for day in range(1, 6):
        await days.arrive(day)
        claims = await asyncio.gather(*(days.standing.claim() for _ in range(4)))
        wishes = [wish for wish in claims if wish is not None]
        assert len(wishes) == 1
        made = await asyncio.gather(*(days.standing.follow_newcomers(each) for each in wishes * 2))
        assert len([run for run in made if run is not None]) == 1
        await days.drive()
        assert await days.work() == 0
        days.pass_days(1)
    assert days.site.network.sent == [handle(day) for day in range(1, 6)]
    assert len(await days.site.following.list_of(days.site.member)) == 5


async def _all(site: FollowSite) -> None:
    """Takes all steps that are due now, as one process."""
    while await site.run_once() is not None:
        pass
