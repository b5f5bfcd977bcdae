"""What changes while a run is at work: members who leave, undo or follow by hand, answers, and what operators switch off."""

import asyncio

import pytest

from directory.follows.errors import FollowsOff
from directory.follows.states import ItemState, RunMove, RunState
from directory.follows.switches import Switches
from directory.mappings import Network
from directory.networks.errors import BadStatus
from directory.services.leaving import Leaving
from directory.store.accounts import lock_member
from directory.store.database import Database
from directory.store.erasures import ErasureStore
from directory.store.exports import ExportStore
from directory.store.follow_runs import move_run
from directory.store.ignored_people import IgnoredPeopleStore
from tests.directory.follows.site import FIRST_X_ID, FollowSite, handle, letters
from tests.harness.mappings import OTHER_ORIGIN, bluesky, did
from tests.harness.stored import StoredMappings

EVERYTHING = "SELECT (SELECT count(*) FROM follow_run) + (SELECT count(*) FROM follow_item) + (SELECT count(*) FROM follow_budget)"


@pytest.mark.parametrize("what", ["read", "follow", "look", "undo"])
async def test_a_member_who_leaves_in_the_middle_of_a_call_leaves_nothing(
    site: FollowSite, what: str
) -> None:
    """Attack: the account is erased while a follow is under way; the answer wrote the run back."""
    leaving = Leaving(ExportStore(site.database), ErasureStore(site.database), site.clock, "one.example")
    site.network.slow_to_tell = True
    await site.publish(1, 2)
    run = await site.start(1, 2)
    if what == "undo":
        await site.drive()
        await site.permit("second")
        await site.following.undo(site.member, run.id)

    left: list[str] = []

    async def leave(called: str) -> None:
        if called == what and not left:
            left.append(called)
            await leaving.erase(site.member)

    site.network.before_call = leave
    for _ in range(10):
        await site.run_once()
        site.clock.advance(minutes=2)
    assert left == [what]
    assert await site.fetch(EVERYTHING) == [(0,)]


async def test_an_account_that_is_unlinked_in_the_middle_leaves_nothing(site: FollowSite) -> None:
    await site.publish(1, 2)
    await site.start(1, 2)

    async def unlink(called: str) -> None:
        if called == "follow":
            await site.membership.unlink(site.member, site.account)

    site.network.before_call = unlink
    await site.run_once()
    await site.run_once()
    assert await site.fetch(EVERYTHING) == [(0,)]
    assert await site.run_once() is None


async def test_what_was_followed_while_the_run_was_paused_is_not_forgotten(site: FollowSite) -> None:
    """The member pauses while a follow is under way: an undo has to know of it."""
    await site.publish(1)
    run = await site.start(1)

    async def pause(called: str) -> None:
        if called == "follow":
            await site.following.pause(site.member, run.id)

    site.network.before_call = pause
    await site.run_once()
    await site.run_once()
    assert (await site.only_run()).state is RunState.PAUSED
    assert await site.states(run) == {ItemState.FOLLOWED: 1}
    site.network.before_call = None
    await site.following.undo(site.member, run.id)
    await site.drive()
    assert site.network.followed == []


async def test_an_undo_in_the_middle_of_a_follow_takes_that_one_back_too(site: FollowSite) -> None:
    await site.publish(1)
    run = await site.start(1)

    async def undo(called: str) -> None:
        if called == "follow":
            site.network.before_call = None
            await site.following.undo(site.member, run.id)

    site.network.before_call = undo
    assert (await site.drive()).state is RunState.UNDONE
    assert site.network.followed == []


async def test_who_withdrew_is_disputed_or_moved_on_since_the_plan_is_skipped(site: FollowSite) -> None:
    """Attack: a run of thirteen days followed somebody who withdrew on the second, and an account that a peer named
    meanwhile for the same person."""
    store = StoredMappings(site.database)
    await site.publish(1)
    await store.add(
        [bluesky(letters(3), FIRST_X_ID + 3), bluesky(letters(4), FIRST_X_ID + 4, target="elsewhere")]
    )
    await store.add([bluesky(letters(3), FIRST_X_ID + 3, target="another", origin=OTHER_ORIGIN)])
    run = await site.start(1, 2, 3, 4)
    assert (await site.drive()).state is RunState.DONE
    assert await site.items(run) == [
        (0, "followed", "none"),
        (1, "skipped", "withdrawn"),
        (2, "skipped", "disputed"),
        (3, "skipped", "withdrawn"),
    ]
    assert site.network.followed == [handle(1)]


async def test_the_operators_switches_hold_runs_and_leave_people_out(site: FollowSite) -> None:
    await site.publish(1, 2)
    site.switches = Switches(is_on=False)
    with pytest.raises(FollowsOff):
        await site.start(1)
    site.switches = Switches(not_on=frozenset({Network.BLUESKY}))
    with pytest.raises(FollowsOff):
        await site.start(1)
    site.switches = Switches(not_to=frozenset({handle(2)}))
    run = await site.start(1, 2)
    site.switches = Switches(is_on=False)
    await site.run_once()
    assert ((await site.only_run()).state, (await site.only_run()).note) == (
        RunState.PLANNED,
        "switched-off",
    )
    site.switches = Switches(not_to=frozenset({handle(2)}))
    await site.drive()
    assert await site.items(run) == [(0, "followed", "none"), (1, "skipped", "switched-off")]


async def test_fifty_thousand_people_are_followed_once_each(site: FollowSite) -> None:
    site.network.batch = 2_500
    await site.publish(*range(50_000))
    run = await site.start(*range(50_000))
    assert (await site.drive()).state is RunState.DONE
    assert await site.states(run) == {ItemState.FOLLOWED: 50_000}
    assert len(set(site.network.followed)) == len(site.network.followed) == 50_000


async def test_an_undo_waits_for_a_follow_that_is_still_on_its_way(site: FollowSite) -> None:
    """Fault: the undo was taken by another slot, or another process, while the call that follows was still under way. It
    found nothing to take back, and then the follow arrived: the person was followed, and shown as taken back."""
    await site.publish(1)
    run = await site.start(1)

    async def undo(called: str) -> None:
        if called == "follow":
            site.network.before_call = None
            await site.following.undo(site.member, run.id)
            await site.run_once()

    site.network.before_call = undo
    assert (await site.drive()).state is RunState.UNDONE
    assert site.network.followed == []


async def test_who_is_ignored_while_a_run_goes_on_is_not_followed(site: FollowSite) -> None:
    """Fault: a batch of newcomers goes on for days at a slow limit. Whom the member ignored meanwhile was followed by it."""
    site.network.batch = 1
    await site.publish(1, 2)
    run = await site.start(1, 2)
    while not site.network.followed:
        await site.run_once()
    ignored = IgnoredPeopleStore(site.database)
    target = str(did(letters(2)))
    assert await ignored.ignore(site.member, Network.BLUESKY, target, site.clock.now())
    await site.drive()
    assert await site.items(run) == [(0, "followed", "none"), (1, "skipped", "chosen-away")]


async def test_a_run_that_takes_the_place_of_a_cancelled_one_doubles_nobody(site: FollowSite) -> None:
    """Fault: a member cancels and starts anew while a call is still under way. The new run read who is followed before
    that call arrived, and followed the same person once more."""
    await site.publish(1)
    first = await site.start(1)

    async def start_anew(called: str) -> None:
        if called == "follow":
            site.network.before_call = None
            await site.following.cancel(site.member, first.id)
            await site.permit("second")
            await site.start(1)
            while await site.run_once() is not None:
                pass

    site.network.before_call = start_anew
    await site.run_once()
    await site.run_once()
    for _ in range(5):
        site.clock.advance(minutes=2)
        await site.run_once()
    assert site.network.followed == [handle(1)]


async def test_who_is_followed_by_hand_while_a_run_waits_is_not_followed_twice(site: FollowSite) -> None:
    """Fault: who was followed already was read once, as the run began. Hours later, behind the limits, it followed anew
    whom the member had followed by hand meanwhile: two records, of which an app takes back one."""
    site.network.points_an_hour = 6
    await site.publish(*range(4))
    run = await site.start(*range(4))
    while len(site.network.followed) < 2:
        await site.run_once()
    site.network.follow_by_hand(handle(3))
    await site.drive()
    assert site.network.followed == [handle(number) for number in range(4)]
    assert (await site.items(run))[3] == (3, "already", "already-followed")
    await site.permit("second")
    await site.following.undo(site.member, run.id)
    await site.drive()
    assert site.network.followed == [handle(3)]


@pytest.mark.parametrize("move", [RunMove.PAUSE, RunMove.CANCEL])
async def test_a_sign_in_does_not_resume_what_its_member_ended_meanwhile(
    site: FollowSite, move: RunMove
) -> None:
    """Fault: the run was read as waiting before its member was locked. Who paused or cancelled it at that moment, in another
    window, found it running again."""
    await site.publish(1)
    await site.start(1)
    site.network.lost = {"first"}
    run = await site.drive()
    assert run.state is RunState.NEEDS_SIGN_IN
    async with site.database.transaction() as connection:
        await lock_member(connection, site.member)
        given = asyncio.create_task(site.following.permission_given(site.account))
        await _until_waiting(site.database)
        assert await move_run(connection, run.id, move, site.clock.now())
    assert await given is None
    assert (await site.only_run()).state is {
        RunMove.PAUSE: RunState.PAUSED,
        RunMove.CANCEL: RunState.CANCELLED,
    }[move]


async def _until_waiting(database: Database) -> None:
    """Waits until a connection waits for a lock."""
    async with database.connection() as connection:
        for _ in range(10_000):
            if await connection.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                return
    raise AssertionError("nobody waits")


async def test_nobody_is_given_up_where_it_cannot_be_read_who_is_blocked(site: FollowSite) -> None:
    """Whom the member has blocked was read once people were marked as sent. Where some page of many failed, or all of them took
    longer than a step, they were looked for, and failed after five such times, though nothing had been sent."""
    await site.publish(1, 2)
    run = await site.start(1, 2)
    site.network.unread = BadStatus("pds.example", 502)
    for _ in range(20):
        await site.run_once()
        site.clock.advance(days=1)
    assert await site.states(run) == {ItemState.PENDING: 2}
    site.network.unread = None
    site.network.blocked = {handle(1)}
    await site.drive()
    assert await site.states(run) == {ItemState.FAILED: 1, ItemState.FOLLOWED: 1}
    assert site.network.sent == [handle(2)]
