"""A run that stays paused gives its permission back after 30 days, and goes on after a new one with all of its people."""

from datetime import timedelta

import pytest

from directory.follows.states import ItemState, RunState
from directory.follows.waiting import KEEP_PERMISSION
from directory.networks.port import Purpose
from directory.networks.sign_in_errors import NeedsSignIn
from directory.services.housekeeping import Housekeeping
from tests.directory.follows.site import FollowSite, handle

DAYS = KEEP_PERMISSION // timedelta(days=1)


async def wait(site: FollowSite, days: int) -> None:
    """Lets days pass, with some housekeeping on each."""
    for _ in range(days):
        site.clock.advance(days=1)
        await Housekeeping(site.database, site.clock).run()


async def kept(site: FollowSite) -> str:
    """The permission that is kept; empty where none is."""
    try:
        return (await site.permissions.read(site.account, Purpose.FOLLOW)).access
    except NeedsSignIn:
        return ""


async def ends(site: FollowSite) -> timedelta | None:
    """In how long the member is told that the permission ends."""
    run = await site.only_run()
    at = (await site.following.progress(site.member, run.id)).permission_ends
    return None if at is None else at - site.clock.now()


async def test_a_paused_run_keeps_its_permission_for_30_days_and_its_people_for_ever(
    site: FollowSite,
) -> None:
    """Whoever paused a run and forgot it had let us write to their account for ever."""
    site.network.batch = 2
    await site.publish(*range(6))
    run = await site.start(*range(6))
    await site.run_once()
    await site.run_once()
    assert await ends(site) is None, "it is used"
    await site.following.pause(site.member, run.id)
    assert await ends(site) == KEEP_PERMISSION
    before = await site.states(run)
    await wait(site, DAYS)
    assert await kept(site) == "first"
    await wait(site, 1)
    assert (await kept(site), await ends(site)) == ("", None)
    ((_, revoked),) = await site.permissions.claim_revocations(10)
    assert revoked is not None
    assert revoked.access == "first"

    await wait(site, 100)
    assert ((await site.only_run()).state, await site.states(run)) == (RunState.PAUSED, before)
    await site.following.resume(site.member, run.id)
    assert (await site.drive()).state is RunState.NEEDS_SIGN_IN
    await site.permit("second")
    assert (await site.drive()).state is RunState.DONE
    assert await site.states(run) == {ItemState.FOLLOWED: 6}
    assert site.network.followed == [handle(number) for number in range(6)]


async def test_a_permission_that_is_given_again_is_kept_for_30_days_from_then(site: FollowSite) -> None:
    run = await site.start(1)
    await site.following.pause(site.member, run.id)
    await wait(site, DAYS + 1)
    await site.permit("second")
    assert await ends(site) == KEEP_PERMISSION
    await wait(site, DAYS)
    assert await kept(site) == "second"
    await wait(site, 1)
    assert await kept(site) == ""


async def test_a_run_at_work_and_one_that_is_to_begin_keep_their_permission(site: FollowSite) -> None:
    await site.start(1, starts_at=site.clock.now() + timedelta(days=300))
    await wait(site, DAYS + 1)
    assert (await kept(site), await ends(site)) == ("first", None)


async def test_a_run_that_waits_for_a_sign_in_gives_back_what_was_refused(site: FollowSite) -> None:
    """The network refused the permission once. It may hold all the same: a server that was rebuilt from a backup."""
    await site.publish(1)
    await site.start(1)
    site.network.lost = {"first"}
    assert (await site.drive()).state is RunState.NEEDS_SIGN_IN
    await wait(site, DAYS + 1)
    assert await kept(site) == ""


async def test_a_wish_keeps_the_permission_of_a_paused_run(site: FollowSite) -> None:
    run = await site.start(1)
    await site.following.pause(site.member, run.id)
    await site.fetch(
        "INSERT INTO standing_match (member, account, since) VALUES ($1, $2, $3)",
        site.member, site.account, site.clock.now() + timedelta(days=1_000),
    )  # fmt: skip
    assert await ends(site) is None
    await wait(site, DAYS + 1)
    assert await kept(site) == "first"
    await site.fetch("DELETE FROM standing_match")
    await wait(site, 1)
    assert await kept(site) == ""


@pytest.mark.parametrize("years", [1, 4])
async def test_a_clock_that_runs_ahead_for_a_day_ends_no_permission(site: FollowSite, years: int) -> None:
    run = await site.start(1)
    await site.following.pause(site.member, run.id)
    await wait(site, 2)
    site.clock.advance(days=years * 365)
    await wait(site, 1)
    site.clock.advance(days=-years * 365)
    await wait(site, 2)
    assert await kept(site) == "first"
