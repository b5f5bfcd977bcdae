"""A session lives on for days and weeks, at a real PDS whose clock a test moves."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from directory.networks.http import GuardedClient
from directory.networks.port import AppBinding, Revocation
from directory.networks.sign_in_errors import NeedsSignIn
from tests.directory.networks.bluesky.calls import Calls
from tests.directory.networks.bluesky.signing_in import Instance
from tests.directory.networks.bluesky.signing_in import now as real_now
from tests.directory.networks.bluesky.timed import TimedInstance, clock_settings
from tests.peers.pds import Account, running_pds_async


@pytest.fixture
async def timed(tmp_path: Path, http: GuardedClient) -> AsyncIterator[TimedInstance]:
    clock = tmp_path / "clock"
    clock.write_text("0")
    async with running_pds_async(settings=clock_settings(clock)) as pds:
        instance = TimedInstance(pds, http)
        instance.clock = clock
        yield instance


async def test_two_weeks(timed: TimedInstance) -> None:
    """Access ends each hour and is renewed each day; a public client's session ends after two weeks."""
    account = await asyncio.to_thread(timed.pds.create_account)
    tokens = (await timed.signed_in(account)).tokens
    assert tokens.is_fresh(timed.now())
    assert await timed.works(tokens)
    for _ in range(13):
        timed.wait(days=1)
        assert not tokens.is_fresh(timed.now())
        assert not await timed.works(tokens)
        renewed = await timed.refreshed(tokens)
        assert renewed.is_fresh(timed.now())
        assert (renewed.account_id, renewed.scope) == (tokens.account_id, tokens.scope)
        assert renewed.access != tokens.access
        assert await timed.works(renewed)
        tokens = renewed
    timed.wait(days=2)
    with pytest.raises(NeedsSignIn):
        await timed.refreshed(tokens)


async def test_an_old_refresh_token_ends_the_session(instance: Instance, alice: Account) -> None:
    """A stolen refresh token that was used already: the server ends the session for both."""
    old = (await instance.signed_in(alice)).tokens
    new = await instance.sign_in.refresh(old, real_now())
    with pytest.raises(NeedsSignIn):
        await instance.sign_in.refresh(old, real_now())
    with pytest.raises(NeedsSignIn):
        await instance.sign_in.refresh(new, real_now())


async def test_revoked(instance: Instance, alice: Account) -> None:
    tokens = (await instance.signed_in(alice)).tokens
    for _ in range(2):
        assert await instance.sign_in.revoke(tokens, real_now()) is Revocation.REVOKED
    with pytest.raises(NeedsSignIn):
        await instance.sign_in.refresh(tokens, real_now())


async def test_tokens_are_no_use_without_their_key(instance: Instance, alice: Account, bob: Account) -> None:
    """Whoever steals the tokens but not the key that they are tied to has nothing."""
    alices, bobs = (await instance.signed_in(alice)).tokens, (await instance.signed_in(bob)).tokens
    stolen = replace(alices, binding=bobs.binding)
    pds = Calls(instance.requests, instance.pds.url, stolen)
    answer = await pds.query("com.atproto.server.getSession", {}, real_now())
    assert answer.status == 401
    with pytest.raises(NeedsSignIn):
        await instance.sign_in.refresh(stolen, real_now())


async def test_tokens_that_cannot_be_renewed(instance: Instance, alice: Account) -> None:
    tokens = (await instance.signed_in(alice)).tokens
    for useless in (
        replace(tokens, refresh=None),
        replace(tokens, binding=AppBinding("secret")),
        replace(tokens, server="http://localhost:1"),
    ):
        with pytest.raises(NeedsSignIn):
            await instance.sign_in.refresh(useless, real_now())
    # None of that was a use of the refresh token.
    assert await instance.sign_in.refresh(tokens, real_now())
