"""What goes wrong while a run is at work: permissions, servers, clocks, members who leave, and answers that change."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from directory.follows.errors import FollowsOff
from directory.follows.states import ItemState, RunMove, RunState
from directory.follows.switches import Switches
from directory.follows.times import SPREAD_S
from directory.mappings import Network
from directory.networks.port import Purpose
from directory.networks.sign_in_errors import NeedsSignIn
from directory.services.leaving import Leaving
from directory.store.accounts import lock_member
from directory.store.database import Database
from directory.store.erasures import ErasureStore
from directory.store.exports import ExportStore
from directory.store.follow_runs import mend_schedules, move_run
from directory.store.ignored_people import IgnoredPeopleStore
from tests.directory.follows.site import FIRST_X_ID, FollowSite, handle, letters
from tests.harness.clock import START
from tests.harness.fake_follows import BusyNetwork
from tests.harness.mappings import OTHER_ORIGIN, bluesky, did
from tests.harness.stored import StoredMappings

EVERYTHING = "SELECT (SELECT count(*) FROM follow_run) + (SELECT count(*) FROM follow_item) + (SELECT count(*) FROM follow_budget)"


async def test_a_token_that_is_revoked_in_the_middle_waits_for_a_sign_in(site: FollowSite) -> None:
    site.network.batch = 2
    await site.publish(*range(6))
    run = await site.start(*range(6))
    await site.run_once()
    await site.run_once()
    site.network.lost = {"first"}
    assert (await site.drive()).state is RunState.NEEDS_SIGN_IN
    assert (await site.only_run()).note == "needs-sign-in"
    site.clock.advance(days=2)
    assert await site.run_once() is None, "it asks nobody meanwhile"
    await site.permit("second")
    assert (await site.drive()).state is RunState.DONE, "it goes on by itself"
    assert await site.states(run) == {ItemState.FOLLOWED: 6}
    assert site.network.followed == [handle(number) for number in range(6)]


async def test_a_sign_in_that_is_finished_during_the_refused_call_is_not_overlooked(
    site: FollowSite,
) -> None:
    """The member signs in while the old token is being refused: the run then waited for a sign-in that was over."""
    await site.publish(1)
    await site.start(1)

    async def sign_in(what: str) -> None:
        if "first" not in site.network.lost:
            site.network.lost = {"first"}
            await site.permit("second")

    site.network.before_call = sign_in
    assert (await site.drive()).state is RunState.DONE
    assert site.network.followed == [handle(1)]


async def test_an_undo_without_a_permission_waits_for_one(site: FollowSite) -> None:
    await site.publish(1, 2)
    run = await site.start(1, 2)
    await site.drive()
    await site.following.undo(site.member, run.id)
    waiting = await site.drive()
    assert (waiting.state, waiting.note) == (RunState.UNDOING, "needs-sign-in")
    await site.permit("second")
    assert (await site.drive()).state is RunState.UNDONE
    assert site.network.followed == []


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


async def test_the_permission_is_given_back_at_the_end_unless_newcomers_are_followed(
    site: FollowSite,
) -> None:
    await site.publish(1, 2)
    async with site.database.connection() as connection:
        await connection.execute(
            "INSERT INTO standing_match (member, account, since) VALUES ($1, $2, $3)",
            site.member, site.account, site.clock.now(),
        )  # fmt: skip
    await site.start(1)
    await site.drive()
    assert (await site.permissions.read(site.account, Purpose.FOLLOW)).access == "first"
    async with site.database.connection() as connection:
        await connection.execute("DELETE FROM standing_match")
    await site.start(2)
    while await site.run_once():
        pass
    with pytest.raises(NeedsSignIn):
        await site.permissions.read(site.account, Purpose.FOLLOW)
    ((_, revoked),) = await site.permissions.claim_revocations(10)
    assert revoked is not None
    assert revoked.access == "first"


async def test_fifty_thousand_people_are_followed_once_each(site: FollowSite) -> None:
    site.network.batch = 2_500
    await site.publish(*range(50_000))
    run = await site.start(*range(50_000))
    assert (await site.drive()).state is RunState.DONE
    assert await site.states(run) == {ItemState.FOLLOWED: 50_000}
    assert len(set(site.network.followed)) == len(site.network.followed) == 50_000


async def test_the_host_of_a_run_that_began_without_a_permission_is_learned(site: FollowSite) -> None:
    """Fault: a run is begun first and permitted then, so the host of the member's server was not known; and on Mastodon it
    never was after that. The operators' switch for that host did not hold it, and all such runs shared one slot and one
    pause: a slow server of one member held up the runs of all others."""
    await site.permissions.give_back(site.account, Purpose.FOLLOW)
    await site.publish(1)
    run = await site.start(1)
    assert run.host == ""
    while (await site.only_run()).state is not RunState.NEEDS_SIGN_IN:
        await site.run_once()
    await site.permit("second")
    site.switches = Switches(not_to=frozenset({"pds.example"}))
    for _ in range(3):
        await site.run_once()
    assert site.network.asked == []
    assert ((await site.only_run()).host, (await site.only_run()).note) == ("pds.example", "switched-off")
    site.switches = Switches()
    assert (await site.drive()).state is RunState.DONE
    assert site.network.followed == [handle(1)]


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
