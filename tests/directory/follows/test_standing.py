"""Newcomers are followed for who wishes it: the same day, each once, and nobody without the wish."""

from datetime import timedelta

import msgspec
import pytest

from directory.answers import take_in_leaves
from directory.choosing import is_chosen_unasked
from directory.follows.errors import WishEnded
from directory.follows.plan import Wishes, plan_follows
from directory.follows.reasons import Reason
from directory.follows.runs import Source
from directory.identifiers import XHandle, XId
from directory.mappings import Network, Strength
from directory.members.consents import ConsentKind
from directory.networks.port import Purpose
from directory.networks.sign_in_errors import NeedsSignIn
from directory.queries import Lists, Query
from directory.services.consenting import Consenting
from directory.services.following import Asked
from directory.services.housekeeping import Housekeeping
from directory.store.consents import ConsentStore
from tests.directory.follows.days import Days
from tests.directory.follows.site import FIRST_X_ID, handle, letters
from tests.directory.follows.test_warnings import Moderators
from tests.harness.mappings import OTHER_ORIGIN, bluesky, did, mastodon


async def test_newcomers_are_followed_the_same_day(days: Days) -> None:
    await days.wish()
    await days.arrive(3, 5, 50)
    assert await days.work() == 1
    assert days.site.network.followed == [handle(3), handle(5)], "50 is on no list"
    (run,) = await days.site.following.list_of(days.site.member)
    assert run.source is Source.ARRIVAL


async def test_nobody_is_followed_without_the_wish(days: Days) -> None:
    await days.arrive(3)
    assert await days.work() == 0
    assert days.site.network.followed == []


async def test_who_came_before_the_wish_is_the_members_to_choose(days: Days) -> None:
    await days.arrive(3)
    days.pass_days(1)
    await days.wish()
    await days.arrive(5)
    await days.work()
    assert days.site.network.followed == [handle(5)]


async def test_who_came_before_the_wish_is_not_followed_for_another_account_that_came_after(
    days: Days,
) -> None:
    """The member saw 3 in a plan and left them out. Then 3 publishes an account on the other network, too."""
    await days.arrive(3)
    days.pass_days(1)
    await days.wish()
    await days.arrive_with(mastodon("three", FIRST_X_ID + 3, issued=days.site.clock.now()))
    await days.arrive(5)
    await days.work()
    assert days.site.network.followed == [handle(5)]


async def test_who_came_before_the_wish_is_not_followed_for_the_new_bearer_of_their_name(days: Days) -> None:
    """Somebody else proves a handle under which the list knows 3."""
    people = [Query(XId(FIRST_X_ID + 3), XHandle("three"), Lists.FOLLOWING)]
    await days.lists.keep(days.site.member, Lists.FOLLOWING, people)
    await days.arrive(3)
    days.pass_days(1)
    await days.wish()
    await days.arrive_with(
        bluesky("three", None, target="stranger", strength=Strength.HANDLE, issued=days.site.clock.now())
    )
    await days.work()
    assert days.site.network.followed == []


async def test_one_batch_a_day_has_all_who_came(days: Days) -> None:
    await days.wish()
    await days.arrive(3)
    assert await days.work() == 1
    await days.arrive(5)
    assert await days.work() == 0
    days.pass_days(1)
    await days.arrive(7)
    assert await days.work() == 1
    assert days.site.network.followed == [handle(3), handle(5), handle(7)]
    days.pass_days(1)
    assert await days.work() == 1
    assert len(await days.site.following.list_of(days.site.member)) == 2, "nobody came: no run"


async def test_who_was_unfollowed_by_hand_is_not_followed_again(days: Days) -> None:
    """The batch of the next day looks at the same newcomers once more."""
    await days.wish()
    await days.arrive(3)
    await days.work()
    days.site.network.unfollow_by_hand(handle(3))
    days.pass_days(1)
    await days.arrive(5)
    await days.work()
    assert days.site.network.followed == [handle(5)]


async def test_who_takes_a_tick_is_not_followed_unseen(days: Days) -> None:
    """Two instances name two people for one account on X."""
    await days.wish()
    await days.arrive(3)
    other = bluesky("impostor", FIRST_X_ID + 3, origin=OTHER_ORIGIN, issued=days.site.clock.now())
    async with days.site.database.transaction() as connection:
        said = [(1, msgspec.structs.replace(other, leaf=1))]
        await take_in_leaves(connection, OTHER_ORIGIN, said, days.site.clock.now())
    await days.work()
    assert days.site.network.followed == []


async def test_an_open_run_is_waited_for(days: Days) -> None:
    await days.wish()
    await days.site.publish(30)
    await days.site.start(30, starts_at=days.site.clock.now() + timedelta(hours=3))
    await days.arrive(3)
    assert await days.work() == 0
    days.site.clock.advance(seconds=3 * 3600)
    await days.drive()
    assert await days.work() == 1
    assert days.site.network.followed == [handle(3), handle(30)]


async def test_the_wish_ends_with_the_consent_to_keep_the_list(days: Days) -> None:
    await days.wish()
    await days.arrive(3)
    consenting = Consenting(ConsentStore(days.site.database), days.site.clock)
    await consenting.withdraw(days.site.member, ConsentKind.KEEP_FOLLOW_LIST)
    await days.work()
    assert days.site.network.followed == []


async def test_a_batch_that_was_broken_off_is_made_again(days: Days) -> None:
    await days.wish()
    await days.arrive(3)
    wish = await days.standing.claim()
    assert wish is not None
    assert await days.standing.claim() is None
    await days.standing.release(wish)
    assert await days.work() == 1
    assert days.site.network.followed == [handle(3)]


async def test_the_permission_is_kept_for_the_next_day(days: Days) -> None:
    """Else the wish would ask its member for a sign-in each day."""
    await days.wish()
    for number in (3, 5):
        await days.arrive(number)
        await days.work()
        days.pass_days(1)
    assert days.site.network.followed == [handle(3), handle(5)]


async def test_an_empty_morning_does_not_use_up_the_day(days: Days) -> None:
    """Fault: the batch of the day was made as the day began, with nobody in it. Whoever published at noon was followed on
    the day after, and the first of all a day after the wish."""
    await days.wish()
    assert await days.work() == 1
    assert await days.work() == 0, "nobody came since"
    days.site.clock.advance(seconds=3600)
    await days.arrive(3)
    assert await days.work() == 1
    assert days.site.network.followed == [handle(3)]


async def test_a_flood_of_newcomers_is_followed_to_the_last(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: each batch looked back one batch alone. Of a flood that filled two of them, the rest was followed never."""
    monkeypatch.setattr("directory.services.standing.MAX_BATCH", 2)
    await days.wish()
    await days.arrive(*range(7))
    for _ in range(4):
        await days.work()
        days.pass_days(1)
    assert sorted(days.site.network.followed) == sorted(map(handle, range(7)))


async def test_a_clock_that_ran_ahead_does_not_hold_batches_back(days: Days) -> None:
    """Fault: the day of the last batch was in the next year, after the clock of the machine had been; the next batch came
    then."""
    await days.wish()
    days.pass_days(400)
    await days.work()
    days.pass_days(-400)
    await days.arrive(3)
    await days.work()
    assert days.site.network.followed == [handle(3)]


async def test_a_wish_of_a_clock_that_ran_ahead_counts_as_soon_as_it_is_right(days: Days) -> None:
    """Fault: the wish was made while the clock of the machine was in the next year. Nobody who came before then was followed,
    without a word."""
    await days.arrive(3)
    days.site.clock.advance(seconds=60)
    days.pass_days(400)
    await days.wish()
    days.pass_days(-400)
    await days.work()
    assert days.site.network.followed == [], "they came before the wish"
    days.site.clock.advance(seconds=60)
    await days.arrive(5)
    days.pass_days(1)
    await days.work()
    assert days.site.network.followed == [handle(5)]


@pytest.mark.parametrize("door", ["wish", "list", "consent", "expiry"])
async def test_the_permission_ends_with_the_wish_and_the_wish_with_the_list(days: Days, door: str) -> None:
    """Fault: the list was deleted, or its consent withdrawn or expired, and the wish and the permission stayed, which
    nothing needed any more. Who kept another list a year later had its people followed without being asked."""
    await days.wish()
    await days.arrive(3)
    await days.work()
    member, database, clock = days.site.member, days.site.database, days.site.clock
    if door == "wish":
        await days.planning.set_standing(member, [])
    elif door == "list":
        assert await days.lists.drop(member, Lists.FOLLOWING)
    elif door == "consent":
        await Consenting(ConsentStore(database), clock).withdraw(member, ConsentKind.KEEP_FOLLOW_LIST)
    else:
        clock.advance(days=800)
        await Housekeeping(database, clock).run()
        await Housekeeping(database, clock).run()
    with pytest.raises(NeedsSignIn):
        await days.site.permissions.read(days.site.account, Purpose.FOLLOW)
    await days.keep_list()
    await days.arrive(5)
    await days.work()
    assert days.site.network.followed == [handle(3)]


@pytest.mark.parametrize("door", ["wish", "consent", "account"])
async def test_a_wish_that_ends_while_its_batch_is_planned_follows_nobody(days: Days, door: str) -> None:
    """Fault: the wish was read at the claim alone. A member who took it back while the newcomers were matched found a run
    open that they did not want, which waited for their next sign-in to follow them all."""
    await days.wish()
    await days.arrive(3)
    wish = await days.standing.claim()
    assert wish is not None
    member = days.site.member
    if door == "wish":
        await days.planning.set_standing(member, [])
    elif door == "consent":
        await Consenting(ConsentStore(days.site.database), days.site.clock).withdraw(
            member, ConsentKind.KEEP_FOLLOW_LIST
        )
    else:
        await days.site.membership.unlink(member, days.site.account)
    assert await days.standing.follow_newcomers(wish) is None
    assert await days.site.following.list_of(member) == []


async def test_a_batch_of_a_claim_that_was_made_again_counts_no_more(days: Days) -> None:
    """Fault: a process was held up over midnight, while another claimed the next day. Both planned the same people, and
    both runs were made: whoever was unfollowed by hand between the two was followed again."""
    await days.wish()
    await days.arrive(3)
    late = await days.standing.claim()
    days.pass_days(1)
    assert late is not None
    assert await days.work() == 1
    assert await days.site.following.list_of(days.site.member) != []
    days.site.network.unfollow_by_hand(handle(3))
    plan = await days.planning.match_newcomers(days.site.member, late.since)
    stale = plan_follows(plan, Wishes(Network.BLUESKY, is_chosen_unasked))
    with pytest.raises(WishEnded):
        await days.site.following.start(
            late.member, late.account, stale, Asked(source=Source.ARRIVAL, wish=late)
        )


@pytest.mark.parametrize("end", ["release", "nobody"])
async def test_a_late_claim_does_not_give_the_day_of_another_back(days: Days, end: str) -> None:
    """Fault: a process that was held up, or broken off as its run had just been started, gave back the day on which a batch
    was made meanwhile: that day had a second one."""
    await days.wish()
    await days.arrive(3)
    late = await days.standing.claim()
    assert late is not None
    days.pass_days(1)
    assert await days.work() == 1
    if end == "release":
        await days.standing.release(late)
    else:
        assert await days.standing.follow_newcomers(late) is None
    await days.arrive(5)
    assert await days.work() == 0


async def test_a_claim_that_is_broken_off_after_its_run_began_is_not_made_again(days: Days) -> None:
    """Fault: the process was stopped between the start of the run and the end of the job: the day had a second batch."""
    await days.wish()
    await days.arrive(3)
    wish = await days.standing.claim()
    assert wish is not None
    assert await days.standing.follow_newcomers(wish) is not None
    await days.standing.release(wish)
    await days.drive()
    await days.arrive(5)
    assert await days.work() == 0


async def contest(days: Days, number: int, *, is_contested: bool) -> None:
    """Somebody else proves the account on X of a newcomer; or the moderators reject that."""
    await days.site.fetch(
        "UPDATE mapping SET is_contested = $2 WHERE x_id = $1", FIRST_X_ID + number, is_contested
    )


async def test_who_was_skipped_for_a_doubt_is_followed_once_it_ends(days: Days) -> None:
    """Fault: a newcomer whose proof was in doubt for a day, right as their turn in a batch came, was skipped by it; and by
    all later batches, as a run had had them."""
    await days.wish()
    await days.arrive(3, 5)
    wish = await days.standing.claim()
    assert wish is not None
    assert await days.standing.follow_newcomers(wish) is not None
    await contest(days, 3, is_contested=True)
    await days.drive()
    assert days.site.network.followed == [handle(5)]
    for _ in range(2):
        days.pass_days(1)
        await days.work()
    assert len(await days.site.following.list_of(days.site.member)) == 1, "no run for nobody"
    await contest(days, 3, is_contested=False)
    days.pass_days(1)
    await days.work()
    assert days.site.network.followed == [handle(3), handle(5)]
    days.site.network.unfollow_by_hand(handle(3))
    days.pass_days(1)
    await days.work()
    assert days.site.network.followed == [handle(5)]


async def test_who_was_told_to_be_gone_is_tried_three_times(days: Days) -> None:
    """Fault: a service that knew nothing of a new account for a minute said that it is gone, and the one batch that had it
    was the last. Who is gone for good has no run a day for three months."""
    moderators = Moderators({3: Reason.GONE, 5: Reason.GONE, 7: Reason.LABELLED})
    days.site.warned = moderators.warnings(days.site.database, days.site.clock).of
    await days.wish()
    await days.arrive(3, 5, 7)
    await days.work()
    assert days.site.network.followed == []
    del moderators.reasons[str(did(letters(3)))]
    for _ in range(6):
        days.pass_days(2)
        await days.work()
    assert days.site.network.followed == [handle(3)]
    assert len(await days.site.following.list_of(days.site.member)) == 3


async def test_no_batch_is_made_with_an_account_that_lapsed(days: Days) -> None:
    await days.wish()
    await days.arrive(3)
    await days.site.fetch("UPDATE linked_account SET health = 3 WHERE id = $1", days.site.account)
    await days.work()
    assert await days.site.following.list_of(days.site.member) == []
    await days.site.fetch("UPDATE linked_account SET health = 0 WHERE id = $1", days.site.account)
    days.pass_days(1)
    await days.work()
    assert days.site.network.followed == [handle(3)]
