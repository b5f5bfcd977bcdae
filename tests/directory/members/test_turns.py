"""Whoever is held up keeps nobody else from proving an account on X."""

import asyncio
from datetime import datetime

import pytest

from directory.networks.port import Purpose, TokenSet
from directory.networks.sign_in_errors import NeedsSignIn
from directory.services.permissions import Permissions
from directory.store.accounts import lock_member
from tests.directory.members.contests import Site, is_held_up
from tests.directory.members.people import at_mastodon, on_x
from tests.directory.members.test_permissions import tokens


async def test_a_server_that_hangs_keeps_nobody_from_proving_an_account(
    site: Site, permissions: Permissions
) -> None:
    """Attack: Eve's server hangs while her permission is renewed, and she unlinks the account meanwhile. That waited for
    the server and held her membership, and her proof of an X account waited for that and held the turn of all proofs:
    everybody else's waited with it, each on a connection of the pool, until no page had one."""
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
    async with asyncio.timeout(5):
        await site.membership.unlink(eve, second.id)
        assert (await site.membership.link(eve, on_x("eve", 7))).member == eve
        assert (await site.membership.link(bob, on_x("bob", 6))).member == bob
    may_answer.set()
    with pytest.raises(NeedsSignIn):
        await renewal


async def test_a_member_whose_changes_wait_keeps_nobody_from_proving_an_account(site: Site) -> None:
    """Eve's proof of an X account waits for another change to her membership: it holds no turn of others meanwhile."""
    eve, bob = await site.sign_in("eve"), await site.sign_in("bob")
    async with site.database.transaction() as connection:
        await lock_member(connection, eve)
        proof = asyncio.ensure_future(site.membership.link(eve, on_x("eve", 7)))
        assert await is_held_up(site.database, proof)
        proven = await asyncio.wait_for(site.membership.link(bob, on_x("bob", 6)), 5)
        assert proven.member == bob
    assert (await proof).member == eve
