"""A run's life over a network that remembers: every target once, whatever is killed, and an undo of exactly that."""

import asyncio

import pytest

from directory.accounts import TargetAccount
from directory.courtesy import GIVE_WAY_S, somebody_waits
from directory.follows.errors import NothingToFollow, NotNow, RunOpen
from directory.follows.states import ItemState, RunState
from directory.networks.port import Purpose
from directory.networks.sign_in_errors import NeedsSignIn
from tests.directory.follows.site import FollowSite, handle, plan, wanted


async def test_everybody_is_followed_once_and_an_undo_takes_exactly_them_back(site: FollowSite) -> None:
    await site.publish(*range(50))
    site.network.follow_by_hand("old.bsky.example", handle(7))
    before = list(site.network.records)
    run = await site.start(*range(50))
    assert (await site.drive()).state is RunState.DONE
    assert await site.states(run) == {ItemState.FOLLOWED: 49, ItemState.ALREADY: 1}
    assert site.network.followed == sorted(["old.bsky.example", *map(handle, range(50))])
    assert site.network.asked.count("follow") == 3, "fifty in batches of twenty"
    await site.permit("second")
    await site.following.undo(site.member, run.id)
    assert (await site.drive()).state is RunState.UNDONE
    assert site.network.records == before
    assert await site.states(run) == {ItemState.UNDONE: 49, ItemState.ALREADY: 1}


@pytest.mark.parametrize("names_records", [True, False], ids=["records", "accounts"])
@pytest.mark.parametrize("point", range(1, 30))
async def test_a_process_that_is_killed_anywhere_loses_and_doubles_nothing(
    site: FollowSite, point: int, *, names_records: bool
) -> None:
    """kill -9 before, in the middle of and after each call: what may have been sent was sent again, twice in the repo."""
    site.network.names_records = names_records
    site.network.batch = 4
    await site.publish(*range(9))
    site.network.follow_by_hand("old.bsky.example")
    run = await site.start(*range(9))
    site.network.kill_in = point
    assert (await site.drive()).state is RunState.DONE
    assert site.network.followed == sorted(["old.bsky.example", *map(handle, range(9))])
    assert await site.states(run) == {ItemState.FOLLOWED: 9}
    await site.permit("second")
    await site.following.undo(site.member, run.id)
    site.network.kill_in = point
    assert (await site.drive()).state is RunState.UNDONE
    assert site.network.followed == ["old.bsky.example"]


async def test_two_browsers_that_start_the_same_run_start_one(site: FollowSite) -> None:
    """Attack: two windows, two presses; the account followed everybody twice as fast as its network allows."""
    await site.publish(1, 2)
    first, second = await asyncio.gather(site.start(1, 2), site.start(1, 2), return_exceptions=True)
    refused = first if isinstance(first, RunOpen) else second
    assert isinstance(refused, RunOpen)
    assert refused.run.id == (await site.only_run()).id
    await site.drive()
    assert site.network.followed == [handle(1), handle(2)]


async def test_the_same_list_twice_follows_nobody_again(site: FollowSite) -> None:
    await site.publish(1, 2)
    await site.start(1, 2)
    await site.drive()
    await site.permit("second")
    again = await site.start(1, 2, 1)
    while await site.run_once():
        pass
    assert await site.states(again) == {ItemState.ALREADY: 2}
    assert site.network.followed == [handle(1), handle(2)]
    await site.permit("third")
    await site.following.undo(site.member, again.id)
    while await site.run_once():
        pass
    assert site.network.followed == [handle(1), handle(2)], "they were followed before that run"


async def test_a_run_pauses_resumes_and_is_cancelled(site: FollowSite) -> None:
    site.network.batch = 2
    await site.publish(*range(6))
    run = await site.start(*range(6))
    await site.run_once()
    await site.run_once()
    assert len(site.network.followed) == 2
    await site.following.pause(site.member, run.id)
    site.clock.advance(days=3)
    assert await site.run_once() is None
    await site.following.resume(site.member, run.id)
    await site.run_once()
    assert len(site.network.followed) == 4
    assert (await site.following.cancel(site.member, run.id)).ended_at is not None
    assert await site.run_once() is None
    with pytest.raises(NotNow):
        await site.following.pause(site.member, run.id)
    assert len(site.network.followed) == 4
    with pytest.raises(NeedsSignIn):
        await site.permissions.read(site.account, Purpose.FOLLOW)


async def test_who_failed_is_tried_again_when_asked(site: FollowSite) -> None:
    await site.publish(1, 2, 3)
    site.network.gone = {handle(2)}
    run = await site.start(1, 2, 3)
    await site.drive()
    assert (1, "failed", "gone") in await site.items(run)
    site.network.gone = set()
    await site.permit("second")
    await site.following.retry_failed(site.member, run.id)
    assert (await site.drive()).state is RunState.DONE
    assert await site.states(run) == {ItemState.FOLLOWED: 3}
    with pytest.raises(NotNow):
        await site.following.retry_failed(site.member, run.id)


async def test_who_has_to_agree_first_is_requested_and_withdrawn_by_an_undo(site: FollowSite) -> None:
    await site.publish(1, 2)
    site.network.locked = {handle(1)}
    run = await site.start(1, 2)
    await site.drive()
    assert await site.states(run) == {ItemState.REQUESTED: 1, ItemState.FOLLOWED: 1}
    await site.permit("second")
    await site.following.undo(site.member, run.id)
    await site.drive()
    assert site.network.followed == []


async def test_what_was_only_sent_is_looked_at_until_it_is_seen(site: FollowSite) -> None:
    site.network.slow_to_tell = True
    await site.publish(1, 2)
    run = await site.start(1, 2)
    await site.run_once()
    await site.run_once()
    assert await site.states(run) == {ItemState.SENT: 2}
    assert (await site.drive()).state is RunState.DONE
    assert await site.states(run) == {ItemState.FOLLOWED: 2}
    assert site.network.sent == [handle(1), handle(2)]


async def test_what_is_never_taken_fails_and_the_run_ends(site: FollowSite) -> None:
    """Attack: a server that says yes to every follow and makes none had the run send the same ones for ever."""
    site.network.never_takes = True
    await site.publish(1, 2)
    run = await site.start(1, 2)
    assert (await site.drive()).state is RunState.DONE
    assert await site.items(run) == [(0, "failed", "not-taken"), (1, "failed", "not-taken")]
    assert len(site.network.sent) <= 12


async def test_nobody_follows_themselves_or_nobody(site: FollowSite) -> None:
    with pytest.raises(NothingToFollow):
        await site.following.start(site.member, site.account, plan())


async def test_a_step_gives_way_before_each_piece_and_comes_to_its_end(site: FollowSite) -> None:
    """Attack: requests that overlap without end; a step that held the loop through its pieces made each of them wait, and one
    that waited for a moment without them would never have ended."""
    is_over = asyncio.Event()

    async def ask_without_end() -> None:
        while not is_over.is_set():
            with somebody_waits():
                await asyncio.sleep(GIVE_WAY_S / 5)

    site.network.batch = 100
    await site.publish(*range(100))
    run = await site.start(*range(100))
    assert await site.run_once() is not None, "it begins"
    asking = [asyncio.create_task(ask_without_end()) for _ in range(3)]
    begun = asyncio.get_running_loop().time()
    await site.run_once()
    pieces = (asyncio.get_running_loop().time() - begun) / GIVE_WAY_S
    is_over.set()
    await asyncio.wait(asking)
    assert await site.states(run) == {ItemState.FOLLOWED: 100}
    assert pieces >= 12


async def test_who_moved_is_shown_with_where_they_went(site: FollowSite) -> None:
    """The member read that an account had moved, and had to find out where to. Once the network tells of no new account any
    more, the old word of it is gone."""
    await site.publish(1, 2)
    there = wanted(3).account
    site.network.moved = {handle(1): there, handle(2): None}
    run = await site.start(1, 2)
    await site.drive()

    async def moved() -> list[TargetAccount | None]:
        return [each.moved_to for each in await site.following.items(site.member, run.id)]

    assert await site.items(run) == [(0, "failed", "moved"), (1, "failed", "moved")]
    assert await moved() == [there, None]
    site.network.moved[handle(1)] = None
    await site.permit("second")
    await site.following.retry_failed(site.member, run.id)
    assert await moved() == [None, None]
    await site.drive()
    assert await moved() == [None, None]
