"""Whom a decision on a claim locks, and in which order: nothing of theirs changes meanwhile, and nobody deadlocks."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from directory.members.claims import CLAIM_LIFE, Case, ClaimState, Settled
from directory.store.accounts import take_x_turn
from tests.directory.members.contests import Site, is_held_up
from tests.directory.members.people import on_x

Decide = Callable[[Site, Case], Awaitable[object]]

LOCK = "SELECT FROM member WHERE id = $1 FOR NO KEY UPDATE"


async def reject(site: Site, case: Case) -> object:
    return await site.claims.reject(case.claim.id, site.clock.now())


async def approve(site: Site, case: Case) -> object:
    return await site.claims.approve(case, site.clock.now(), None)


async def uphold(site: Site, case: Case) -> object:
    x = case.claim.account
    seen = on_x(str(x.handle), x.id.value if x.id is not None else None, at=site.clock.now(), post=9)
    return await site.claims.uphold(case, seen, site.clock.now())


async def lapse(site: Site, case: Case) -> object:
    return await site.claims.lapse(case, site.clock.now())


async def tidy(site: Site, case: Case) -> object:
    after = case.claim.proven_at + CLAIM_LIFE + timedelta(days=1)
    return await site.claims.lapse_old_claims(after, 10)


@pytest.mark.parametrize("who", ["holder", "claimant"])
@pytest.mark.parametrize("decide", [reject, approve, uphold, lapse, tidy])
async def test_a_decision_waits_while_one_of_the_two_changes(site: Site, decide: Decide, who: str) -> None:
    """Attack: in the moment of a decision the holder publishes, or the claimant leaves. What is published of an account
    that passes on in that moment would go on answering."""
    ada, _ = await site.publish("ada", 5)
    eve = await site.sign_in("eve")
    claim = await site.claim(eve, "ada", 5)
    site.clock.advance(minutes=1)
    if decide is tidy:
        await site.membership.link(ada, on_x("ada", 5, at=site.clock.now(), post=3))
    case = await site.case(claim)
    async with site.database.transaction() as connection:
        await connection.execute(LOCK, ada if who == "holder" else eve)
        decision = asyncio.ensure_future(decide(site, case))
        assert await is_held_up(site.database, decision)
    assert await decision not in {Settled.CHANGED, Settled.NOT_WAITING, 0}


async def test_a_decision_waits_for_nobody_else(site: Site) -> None:
    """Attack: whoever is busy with an account of their own keeps the moderators from deciding."""
    await site.publish("ada", 5)
    bob, _ = await site.publish("bob", 6)
    claim = await site.claim(await site.sign_in("eve"), "ada", 5)
    async with site.database.transaction() as connection:
        await connection.execute(LOCK, bob)
        decision = asyncio.ensure_future(site.claims.reject(claim, site.clock.now()))
        assert not await is_held_up(site.database, decision)
    assert await decision is Settled.REJECTED


async def test_a_decision_waits_for_whoever_holds_the_account_by_then(site: Site) -> None:
    """The account passes on while the decision waits for its turn: it is about the new holder, and locks them."""
    await site.publish("ada", 5)
    bob = await site.sign_in("bob")
    other = await site.membership.link(bob, on_x("bob", 6))
    claim = await site.claim(await site.sign_in("eve"), "ada", 5)
    async with site.database.transaction() as busy:
        await busy.execute(LOCK, bob)
        async with site.database.transaction() as connection:
            await take_x_turn(connection)
            decision = asyncio.ensure_future(site.claims.reject(claim, site.clock.now()))
            assert await is_held_up(site.database, decision)
            await connection.execute("UPDATE contested_claim SET holder = $2 WHERE id = $1", claim, other.id)
        assert await is_held_up(site.database, decision)
    assert await decision is Settled.REJECTED


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ("UPDATE contested_claim SET proven_at = $2 WHERE id = $1", ClaimState.OPEN),
        ("UPDATE contested_claim SET state = 3, settled_at = $2 WHERE id = $1", ClaimState.REJECTED),
    ],
)
async def test_an_old_claim_that_changed_meanwhile_does_not_lapse(
    site: Site, change: str, state: ClaimState
) -> None:
    """The claimant proves the account again, or it is decided, while the housekeeping waits for its turn: a claim that
    is new again would end, and one that was rejected would count as one that was forgotten."""
    ada, _ = await site.publish("ada", 5)
    claim = await site.claim(await site.sign_in("eve"), "ada", 5)
    site.clock.advance(seconds=CLAIM_LIFE.total_seconds())
    await site.membership.link(ada, on_x("ada", 5, at=site.clock.now(), post=3))
    async with site.database.transaction() as connection:
        await take_x_turn(connection)
        tidying = asyncio.ensure_future(site.claims.lapse_old_claims(site.clock.now(), 10))
        assert await is_held_up(site.database, tidying)
        await connection.execute(change, claim, site.clock.now())
    assert await tidying == 0
    (kept,) = (await site.leaving._exports.read_member(await site.sign_in("eve"))).claims
    assert kept.state is state


async def test_old_claims_lapse_so_many_at_once(site: Site) -> None:
    """Attack: ten thousand old claims, and one run of the housekeeping locks member after member for an hour."""
    for name, x_id in (("ada", 5), ("bob", 6), ("cyd", 7)):
        await site.publish(name, x_id)
        await site.claim(await site.sign_in("eve"), name, x_id)
    later = site.clock.now() + CLAIM_LIFE
    async with site.database.connection() as connection:
        await connection.execute("UPDATE linked_account SET checked_at = $1", later)
    assert [await site.claims.lapse_old_claims(later, 2) for _ in range(3)] == [2, 1, 0]


@pytest.mark.parametrize("is_look", [False, True])
async def test_a_decision_locks_all_who_hold_what_was_seen_in_one_order(site: Site, is_look: bool) -> None:
    """The account was renamed since it was claimed, and a third member holds the new name. Locked after the others,
    they would wait for each other: whoever locks two members does so in the order of their ids."""
    await site.publish("ada", 5)
    third, eve = sorted([await site.sign_in("countess"), await site.sign_in("eve")])
    await site.membership.link(third, on_x("countess"))
    case = await site.case(await site.claim(eve, "ada", 5))
    seen, now = on_x("countess", 5, at=site.clock.now(), post=9), site.clock.now()
    if is_look:
        await site.claims.approve(case, now, now)
    async with site.database.transaction() as connection:
        await connection.execute(LOCK, third)
        if is_look:
            (job,) = await site.claims.claim_due_looks(now, 10)
            decision = asyncio.create_task(site.claims.carry_out(job, seen, now))
        else:
            decision = asyncio.create_task(site.claims.uphold(case, seen, now))
        assert await is_held_up(site.database, decision)
        await connection.execute(f"{LOCK} NOWAIT", eve)
    assert await decision is Settled.HELD_BY_ANOTHER
