"""Who renews, or comes back, is no newcomer: the member saw them before, and may have left them out."""

import msgspec
import pytest

from deploy.migrate import migrate
from directory.answers import let_go_leaves, take_in_leaves
from directory.follows.plan import Wishes, plan_follows
from directory.follows.runs import Source
from directory.mappings import Mapping, Network, Strength
from directory.queries import Lists, Query
from directory.store import known_accounts
from directory.store.arrivals import fetch_newcomers
from directory.store.mapping_rows import ensure_origin, let_go_of_origin
from tests.directory.follows.days import Days
from tests.directory.follows.site import FIRST_X_ID, handle, letters
from tests.harness.mappings import ORIGIN, OTHER_ORIGIN, bluesky, did


async def leave(days: Days, leaf: int) -> None:
    """What a leaf says is revoked."""
    async with days.site.database.transaction() as connection:
        await let_go_leaves(connection, ORIGIN, [leaf])


async def say_unmet(days: Days, mapping: Mapping) -> None:
    """A mapping answers, and was not held against kept lists yet."""
    days.leaf += 1
    said = [(days.leaf, msgspec.structs.replace(mapping, leaf=days.leaf))]
    async with days.site.database.transaction() as connection:
        await ensure_origin(connection, ORIGIN)
        await take_in_leaves(connection, ORIGIN, said, days.site.clock.now())


MIGRATION = "2026-11-30T16:00:00:000001"
TAKE_BACK = """
DROP TABLE known_account;
ALTER TABLE newcomer DROP COLUMN is_again;
ALTER TABLE newcomer_message DROP COLUMN trouble, DROP COLUMN troubles;
"""


async def newcomers(days: Days) -> list[str]:
    async with days.site.database.connection() as connection:
        found = await fetch_newcomers(connection, days.site.member)
    return [str(each.mapping.target_handle) for each in found]


async def known_of(days: Days) -> list[tuple[object, ...]]:
    return await days.site.fetch("SELECT digest FROM known_account ORDER BY id")


@pytest.mark.parametrize("order", ["renewed", "revoked first", "revoked before the wish"])
@pytest.mark.parametrize("seen", ["as a newcomer", "as the list was kept"])
async def test_who_renews_was_there_before_the_wish(days: Days, seen: str, order: str) -> None:
    """Fault: the member had left 3 out, and wished that newcomers are followed. 3 renewed their mapping, which was found as
    a new one: they were followed."""
    await days.arrive(3)
    if seen == "as the list was kept":
        await days.keep_list()
    days.pass_days(1)
    if order == "revoked before the wish":
        await leave(days, 1)
    await days.wish()
    days.pass_days(1)
    if order == "revoked first":
        await leave(days, 1)
        days.pass_days(30)
    await days.arrive(3, 5)
    await leave(days, 1)
    await days.work()
    assert days.site.network.followed == [handle(5)]


async def test_an_instance_that_is_followed_again_brings_no_newcomers(days: Days) -> None:
    """Fault: all people of a peer counted as newcomers, once the operators had ended it, and followed it again."""
    await days.arrive(3, 4)
    days.pass_days(1)
    await days.wish()
    async with days.site.database.transaction() as connection:
        assert await let_go_of_origin(connection, await ensure_origin(connection, ORIGIN), 100) == 2
    await days.arrive(3, 4, 5)
    await days.work()
    assert days.site.network.followed == [handle(5)]


async def test_who_moves_to_another_instance_is_no_newcomer(days: Days) -> None:
    await days.arrive(3)
    days.pass_days(1)
    await days.wish()
    said = bluesky(letters(3), FIRST_X_ID + 3, origin=OTHER_ORIGIN, issued=days.site.clock.now())
    async with days.site.database.transaction() as connection:
        await take_in_leaves(
            connection, OTHER_ORIGIN, [(1, msgspec.structs.replace(said, leaf=1))], days.site.clock.now()
        )
    await leave(days, 1)
    await days.arrive(5)
    await days.work()
    assert days.site.network.followed == [handle(5)]


async def test_a_list_that_is_kept_anew_knows_whom_the_one_before_knew(days: Days) -> None:
    await days.arrive(3)
    await leave(days, 1)
    await days.keep_list()
    await days.wish()
    days.pass_days(1)
    await days.arrive(3, 5)
    await days.work()
    assert days.site.network.followed == [handle(5)]


async def test_who_was_followed_and_unfollowed_by_hand_is_left_alone_a_year_later(days: Days) -> None:
    """Fault: runs are kept for half a year, and a mapping is renewed after that."""
    await days.wish()
    await days.arrive(3)
    await days.work()
    days.site.network.unfollow_by_hand(handle(3))
    await days.site.fetch("DELETE FROM follow_run")
    days.pass_days(300)
    await days.site.permit()
    await days.arrive(3, 5)
    await days.work()
    assert days.site.network.followed == [handle(5)]


@pytest.mark.parametrize("renews", [False, True])
async def test_whom_the_member_left_out_of_a_run_the_wish_leaves_out(days: Days, *, renews: bool) -> None:
    """Fault: 3 and 5 came after the wish. Before the batch of the day the member started a run of their own, and took the tick
    of 3 away. The batch followed 3, as no run had had them."""
    await days.wish()
    await days.arrive(3, 5)
    away = did(letters(3))
    plan = plan_follows(
        await days.planning.match(days.site.member, Source.KEPT_LIST, []),
        Wishes(Network.BLUESKY, lambda _query, answer: answer.mapping.target_id != away),
    )
    await days.site.following.start(days.site.member, days.site.account, plan)
    await days.drive()
    if renews:
        await days.arrive(3)
        await leave(days, 1)
    days.pass_days(1)
    await days.arrive(7)
    await days.work()
    assert days.site.network.followed == [handle(5), handle(7)]


async def test_a_list_that_is_not_kept_leaves_no_trace_of_whom_its_run_left_out(days: Days) -> None:
    await days.site.publish(30, 31)
    people = [Query.parse(str(FIRST_X_ID + number)) for number in (30, 31)]
    plan = plan_follows(
        await days.planning.match(days.site.member, Source.UPLOAD, people),
        Wishes(Network.BLUESKY, lambda _query, answer: answer.mapping.target_id != did(letters(30))),
    )
    await days.site.following.start(days.site.member, days.site.account, plan)
    assert await days.site.fetch("SELECT * FROM known_account") == []


async def test_who_renews_before_their_batch_is_followed(days: Days) -> None:
    await days.wish()
    await days.arrive(3)
    days.site.clock.advance(seconds=60)
    await days.arrive(3)
    await leave(days, 1)
    await days.work()
    assert days.site.network.followed == [handle(3)]


async def test_who_proves_what_was_a_hint_is_a_newcomer(days: Days) -> None:
    """The member was not offered them without a doubt before. Else whoever spreads hints could keep people from being
    followed."""
    await days.arrive_with(msgspec.structs.replace(days.says(letters(3), 3), strength=Strength.LINKED))
    await days.keep_list()
    days.pass_days(1)
    await days.wish()
    days.pass_days(1)
    await days.arrive(3)
    await days.work()
    assert days.site.network.followed == [handle(3)]


async def test_who_was_hidden_as_the_wish_began_was_never_seen(days: Days) -> None:
    await days.site.fetch("INSERT INTO origin (name) VALUES ($1)", ORIGIN)
    await days.site.fetch(
        "INSERT INTO hide (id, origin, network, x_id, x_handle, x_handle_key, reason, hidden_by, hidden_at)"
        " SELECT gen_random_uuid(), id, 1, $1, 'x', 'x', 'impersonation', 'me', now() FROM origin",
        FIRST_X_ID + 3,
    )
    await say_unmet(days, days.says(letters(3), 3))
    await days.keep_list()
    await days.wish()
    await days.site.fetch("DELETE FROM hide")
    days.pass_days(1)
    await days.arrive(3)
    await days.work()
    assert days.site.network.followed == [handle(3)]


@pytest.mark.parametrize("renews", [False, True])
async def test_who_came_by_a_clock_that_ran_ahead_came_before_the_wish(days: Days, *, renews: bool) -> None:
    """Fault: 3 was found while the clock of this machine was months ahead. The member left them out, and wished, when it was
    right again: 3 counted as found after the wish, and was followed."""
    said = days.says(letters(3), 3)
    days.pass_days(100)
    await days.arrive_with(said)
    days.pass_days(-100)
    days.site.clock.advance(seconds=60)
    await days.wish()
    days.site.clock.advance(seconds=60)
    await days.arrive(5)
    if renews:
        await days.arrive(3)
        await leave(days, 1)
    await days.work()
    assert days.site.network.followed == [handle(5)]


async def test_who_was_there_as_the_wish_began_is_shown_and_not_followed(days: Days) -> None:
    """They answer, and are held against the kept list a moment after the wish."""
    await say_unmet(days, days.says(letters(3), 3))
    await days.wish()
    days.site.clock.advance(seconds=5)
    await days.arrive(5)
    assert await newcomers(days) == [handle(3), handle(5)]
    await days.work()
    assert days.site.network.followed == [handle(5)]


async def test_who_was_there_as_the_list_was_kept_is_not_shown_as_a_newcomer(days: Days) -> None:
    await say_unmet(days, days.says(letters(3), 3))
    await days.lists.drop(days.site.member, Lists.FOLLOWING)
    await days.keep_list()
    await days.arrive(3, 5)
    assert await newcomers(days) == [handle(5)]


async def test_a_newcomer_who_renews_stays_one_from_the_day_on_which_they_came(days: Days) -> None:
    await days.arrive(3)
    days.pass_days(1)
    await days.arrive(5)
    await days.arrive(3)
    await leave(days, 1)
    assert await newcomers(days) == [handle(3), handle(5)]


@pytest.mark.parametrize("seen", ["as a newcomer", "as the list was kept"])
async def test_lists_that_were_there_know_who_was(days: Days, dsn: str, seen: str) -> None:
    """Nobody had been noted by the version before: each renewal would have been a newcomer once."""
    await days.arrive(3)
    if seen == "as the list was kept":
        await days.keep_list()
    async with days.site.database.transaction() as connection:
        await connection.execute(TAKE_BACK)
        await connection.execute("DELETE FROM migration WHERE name = $1", MIGRATION)
    assert await migrate(dsn)
    async with days.site.database.connection() as connection:
        known = await connection.fetch("SELECT found_at IS NULL AS was_there FROM known_account")
    assert [row["was_there"] for row in known] == [seen == "as the list was kept"]
    days.pass_days(1)
    await days.wish()
    days.pass_days(1)
    await days.arrive(3, 5)
    await leave(days, 1)
    await days.work()
    assert days.site.network.followed == [handle(5)]


async def test_who_arrives_as_the_version_begins_is_a_newcomer(days: Days, dsn: str) -> None:
    """Fault: whoever had been taken in and was not held against the lists yet, be it half of a large peer's first sync, was
    noted as somebody who had been there as each list was kept: nobody was told of them, and no wish followed them."""
    await days.wish()
    days.pass_days(1)
    await say_unmet(days, days.says(letters(3), 3))
    async with days.site.database.transaction() as connection:
        await connection.execute(TAKE_BACK)
        await connection.execute("DELETE FROM migration WHERE name = $1", MIGRATION)
    assert await migrate(dsn)
    await days.arrive(5)
    assert await newcomers(days) == [handle(3), handle(5)]
    await days.work()
    assert days.site.network.followed == [handle(3), handle(5)]


async def test_what_a_list_hands_on_has_an_end(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack: a member kept one list after the other of all whom the directory knows. Each handed all on to the next, and what
    was known grew with each, of people who were on no list any more. Those who were known first stay."""
    monkeypatch.setattr(known_accounts, "MAX_HANDED_ON", 2)
    await days.arrive(3)
    await days.arrive(5)
    before = await known_of(days)
    await days.arrive(7, 9)
    for leaf in range(1, 5):
        await leave(days, leaf)
    await days.keep_list()
    assert await known_of(days) == before
