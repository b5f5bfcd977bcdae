"""Whoever is held up keeps nobody else from proving an account on X."""

import asyncio
from datetime import datetime

from directory.networks.port import Purpose, TokenSet
from directory.services.permissions import Permissions
from tests.directory.members.contests import Site, is_held_up
from tests.directory.members.people import at_mastodon, on_x
from tests.directory.members.test_permissions import tokens


async def test_a_server_that_hangs_keeps_nobody_from_proving_an_account(
    site: Site, permissions: Permissions
) -> None:
    """Attack: Eve's server hangs while her permission is renewed, and she unlinks the account meanwhile: that waits, and
    holds her membership. Her proof of an X account waits for the membership, and held the turn of all proofs: everybody
    else's waited with it, each on a connection of the pool, until no page had one."""
    eve, bob = await site.sign_in("eve"), await site.sign_in("bob")
    second = await site.membership.link(eve, at_mastodon("eve"))
    await permissions.keep(second.id, Purpose.FOLLOW, tokens("old", site.clock.now()))
    site.clock.advance(days=1)
    is_asked, may_answer = asyncio.Event(), asyncio.Event()

    async def hang(held: TokenSet, _now: datetime) -> TokenSet:
        is_asked.set()
        await may_answer.wait()
        return held

    renewal = asyncio.ensure_future(permissions.fresh(second.id, Purpose.FOLLOW, hang))
    await is_asked.wait()
    unlinking = asyncio.ensure_future(site.membership.unlink(eve, second.id))
    assert await is_held_up(site.database, unlinking)
    proof = asyncio.ensure_future(site.membership.link(eve, on_x("eve", 7)))
    await asyncio.sleep(0.5)
    assert not proof.done()
    proven = await asyncio.wait_for(site.membership.link(bob, on_x("bob", 6)), 5)
    assert proven.member == bob
    may_answer.set()
    await renewal
    await unlinking
    assert (await proof).member == eve
