"""A run and its permission: revoked in the middle, given again, given back at the end."""

from datetime import timedelta

import pytest

from directory.follows.states import ItemState, RunState
from directory.follows.switches import Switches
from directory.networks.port import Purpose
from directory.networks.sign_in_errors import NeedsSignIn
from tests.directory.follows.site import FollowSite, handle


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


async def seal_under_a_lost_key(site: FollowSite) -> bytes:
    """Has the permission be sealed under a key that nobody has. Returns what it was sealed as."""
    ((sealed,),) = await site.fetch("SELECT sealed FROM token")
    assert isinstance(sealed, bytes)
    await site.fetch("UPDATE token SET sealed = $1", sealed[:1] + bytes(4) + sealed[5:])
    return sealed


@pytest.mark.parametrize("is_undo", [False, True])
async def test_a_permission_that_cannot_be_opened_is_asked_for_again(site: FollowSite, is_undo: bool) -> None:
    """Fault: after a vault was lost for good, each step failed in the process, every two minutes for ever. The page said
    that the run was at work, and nobody was asked to sign in again."""
    await site.publish(1, 2)
    run = await site.start(1, 2)
    await site.run_once()
    if is_undo:
        await site.drive()
        await site.permit("second")
        await site.following.undo(site.member, run.id)
    await seal_under_a_lost_key(site)
    await site.run_once()
    waiting = await site.only_run()
    assert (waiting.needs_sign_in, waiting.state.is_open) == (True, True)
    assert await site.run_once() is None, "not at once again"
    await site.permit("third")
    assert (await site.drive()).state is (RunState.UNDONE if is_undo else RunState.DONE)
    assert site.network.followed == ([] if is_undo else [handle(1), handle(2)])


async def test_a_key_that_comes_back_lets_the_run_go_on(site: FollowSite) -> None:
    """A machine whose vault is an older copy until the new one is put beside it: no run is lost to a sign-in for that."""
    await site.publish(1)
    await site.start(1)
    await site.run_once()
    sealed = await seal_under_a_lost_key(site)
    await site.run_once()
    await site.fetch("UPDATE token SET sealed = $1", sealed)
    assert (await site.drive()).state is RunState.DONE
    assert site.network.followed == [handle(1)]


async def test_a_run_begins_whatever_its_permission_is_sealed_under(site: FollowSite) -> None:
    """Fault: the page of the plan was an error, as the host of the server was read from the permission."""
    await seal_under_a_lost_key(site)
    await site.publish(1)
    assert (await site.start(1)).host == ""


@pytest.mark.parametrize("health", [2, 3])
async def test_a_run_goes_on_with_no_account_that_somebody_else_may_have(
    site: FollowSite, health: int
) -> None:
    """Attack: a server was away for a month and its domain was bought. Whoever answers for it now was sent the rest of the
    run, person by person: whom the member follows, and the token. No plan offered the account any more."""
    site.network.batch = 1
    await site.publish(1, 2)
    run = await site.start(1, 2)
    await site.run_once()
    await site.run_once()
    since = site.clock.now() - timedelta(days=31)
    # As a server of Mastodon's kind: no domain answers for `did:plc`.
    await site.fetch(
        "UPDATE linked_account SET health = $2, health_since = $3, account_id = 'did:web:ada.example' WHERE id = $1",
        site.account, health, since,
    )  # fmt: skip
    asked = len(site.network.asked)
    for _ in range(3):
        site.clock.advance(minutes=10)
        await site.run_once()
    assert len(site.network.asked) == asked
    assert ((await site.only_run()).note, (await site.only_run()).state) == ("proof-lapsed", RunState.RUNNING)
    await site.fetch("UPDATE linked_account SET health = 0, health_since = NULL WHERE id = $1", site.account)
    await site.drive()
    assert await site.states(run) == {ItemState.FOLLOWED: 2}
