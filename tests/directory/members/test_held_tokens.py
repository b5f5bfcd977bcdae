"""A renewal asks a stranger's server: meanwhile it holds up nobody, and what happens to the token in that time counts."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from directory.networks.port import Purpose, TokenSet
from directory.networks.sign_in_errors import NeedsSignIn
from directory.services.membership import Membership
from directory.services.permissions import Permissions
from directory.store import tokens as stored_tokens
from directory.store.claims import ClaimStore
from directory.store.database import Database
from directory.store.erasures import ErasureStore
from directory.store.members import MemberStore
from directory.store.revocations import RevocationStore
from directory.store.tokens import TokenStore
from directory.vault import Vault
from tests.directory.members.people import at_bluesky
from tests.directory.members.test_permissions import tokens
from tests.harness.clock import FakeClock

CONNECTIONS = 2


class HangingServer:
    """A server of a member's own: it answers a renewal when it likes."""

    def __init__(self) -> None:
        self.asked = asyncio.Semaphore(0)
        self.answers = asyncio.Event()

    async def refresh(self, old: TokenSet, now: datetime) -> TokenSet:
        self.asked.release()
        await self.answers.wait()
        return tokens(f"new of {old.access}", now)

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(5):
            for _ in range(times):
                await self.asked.acquire()


@pytest.fixture
async def small(dsn: str) -> AsyncIterator[Database]:
    opened = await Database.connect(dsn, max_connections=CONNECTIONS, acquire_timeout_s=2)
    yield opened
    opened.terminate()


@pytest.fixture
def permissions(small: Database, vault: Vault, clock: FakeClock) -> Permissions:
    return Permissions(TokenStore(small), RevocationStore(small), vault, clock)


@pytest.fixture
def membership(small: Database, clock: FakeClock) -> Membership:
    return Membership(MemberStore(small), ClaimStore(small), clock)


async def expired(
    permissions: Permissions, membership: Membership, clock: FakeClock, *names: str
) -> list[UUID]:
    accounts = []
    for name in names:
        accounts.append((await membership.sign_in(at_bluesky(name, at=clock.now()))).account.id)
        await permissions.keep(accounts[-1], Purpose.FOLLOW, tokens(name, clock.now()))
    clock.advance(hours=2)
    return accounts


async def revoked_by(permissions: Permissions) -> set[str]:
    return {opened.access for _, opened in await permissions.claim_revocations(20) if opened is not None}


async def test_servers_that_hang_hold_no_connection(
    permissions: Permissions, membership: Membership, small: Database, clock: FakeClock
) -> None:
    """Attack: as many members as a process has connections, each with a server that hangs. Each renewal held a connection
    for 45 s, and so did each that waited for it and each new permission of that account: nobody was answered."""
    accounts = await expired(permissions, membership, clock, "ada", "bob", "cyd")
    server = HangingServer()
    renewals = [
        asyncio.create_task(permissions.fresh(account, Purpose.FOLLOW, server.refresh))
        for account in accounts
        for _ in range(3)
    ]
    await server.until_asked(len(accounts))
    async with asyncio.timeout(2), small.connection() as connection:
        assert await connection.fetchval("SELECT 1") == 1
    async with asyncio.timeout(2):
        await permissions.keep(accounts[0], Purpose.FOLLOW, tokens("kept meanwhile", clock.now()))
    server.answers.set()
    done = await asyncio.gather(*renewals[3:])
    assert [each.access for each in done] == ["new of bob"] * 3 + ["new of cyd"] * 3
    assert server.asked.locked(), "each was asked once"


async def test_a_permission_that_is_kept_during_a_renewal_is_the_one_that_counts(
    permissions: Permissions, membership: Membership, clock: FakeClock
) -> None:
    (account,) = await expired(permissions, membership, clock, "ada")
    server = HangingServer()
    renewal = asyncio.create_task(permissions.fresh(account, Purpose.FOLLOW, server.refresh))
    await server.until_asked(1)
    await permissions.keep(account, Purpose.FOLLOW, tokens("kept meanwhile", clock.now()))
    server.answers.set()
    with pytest.raises(NeedsSignIn, match="while it was renewed"):
        await renewal
    assert (await permissions.read(account, Purpose.FOLLOW)).access == "kept meanwhile"
    assert await revoked_by(permissions) == {"ada", "new of ada"}


async def test_a_refusal_costs_no_permission_that_was_kept_meanwhile(
    permissions: Permissions, membership: Membership, clock: FakeClock
) -> None:
    (account,) = await expired(permissions, membership, clock, "ada")
    asked, answers = asyncio.Event(), asyncio.Event()

    async def refuse(_old: TokenSet, _now: datetime) -> TokenSet:
        asked.set()
        await answers.wait()
        raise NeedsSignIn("pds.example", "invalid_grant")

    renewal = asyncio.create_task(permissions.fresh(account, Purpose.FOLLOW, refuse))
    await asked.wait()
    await permissions.keep(account, Purpose.FOLLOW, tokens("kept meanwhile", clock.now()))
    answers.set()
    with pytest.raises(NeedsSignIn, match="invalid_grant"):
        await renewal
    assert (await permissions.read(account, Purpose.FOLLOW)).access == "kept meanwhile"
    assert await revoked_by(permissions) == {"ada"}


async def test_who_leaves_waits_for_no_server_and_leaves_no_token(
    permissions: Permissions, membership: Membership, small: Database, clock: FakeClock
) -> None:
    (account,) = await expired(permissions, membership, clock, "ada")
    member = (await membership.sign_in(at_bluesky("ada", at=clock.now()))).member
    server = HangingServer()
    renewal = asyncio.create_task(permissions.fresh(account, Purpose.FOLLOW, server.refresh))
    await server.until_asked(1)
    async with asyncio.timeout(2):
        await ErasureStore(small).erase_member(member, clock.now())
    server.answers.set()
    with pytest.raises(NeedsSignIn):
        await renewal
    assert await revoked_by(permissions) == {"ada", "new of ada"}


async def test_what_a_killed_process_held_is_free_once_its_lease_ends(
    permissions: Permissions, membership: Membership, small: Database, clock: FakeClock
) -> None:
    (account,) = await expired(permissions, membership, clock, "ada")
    server = HangingServer()
    server.answers.set()

    async def hold(until: timedelta) -> None:
        async with small.connection() as connection:
            await connection.execute("UPDATE token SET held_until = now() + $1", until)

    await hold(timedelta(seconds=1))
    assert (await permissions.fresh(account, Purpose.FOLLOW, server.refresh)).access == "new of ada"
    clock.advance(hours=2)
    await hold(timedelta(days=365))
    async with asyncio.timeout(5):
        renewed = await permissions.fresh(account, Purpose.FOLLOW, server.refresh)
    assert renewed.access == "new of new of ada", "a clock that ran ahead wrote that"


async def test_who_has_waited_for_long_begins_no_renewal_that_it_cannot_end(
    permissions: Permissions,
    membership: Membership,
    small: Database,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process was killed and its lease ran out in the last second of a waiter: the renewal was broken off at the network, which
    had given new tokens for the old ones by then. Bluesky ends a session whose old ones come again."""
    monkeypatch.setattr(stored_tokens, "HOLD_TIMEOUT_S", 1.2)
    monkeypatch.setattr(stored_tokens, "WAIT_TIMEOUT_S", 0.3, raising=False)
    (account,) = await expired(permissions, membership, clock, "ada")
    server = HangingServer()
    async with small.connection() as connection:
        await connection.execute("UPDATE token SET held_until = now() + interval '0.6 s'")
    with pytest.raises(TimeoutError):
        await permissions.fresh(account, Purpose.FOLLOW, server.refresh)
    assert server.asked.locked(), "nothing was asked that was not waited for"


async def test_what_a_network_has_given_is_kept_however_late(
    permissions: Permissions,
    membership: Membership,
    small: Database,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The row was held by another (a rotation of the vault's key) when the time of the holder ended: the new tokens were lost, and
    the old ones are worth nothing."""
    monkeypatch.setattr(stored_tokens, "HOLD_TIMEOUT_S", 0.5)
    (account,) = await expired(permissions, membership, clock, "ada")
    server = HangingServer()
    renewal = asyncio.create_task(permissions.fresh(account, Purpose.FOLLOW, server.refresh))
    await server.until_asked(1)
    async with small.transaction() as connection:
        await connection.execute("SELECT FROM token FOR UPDATE")
        server.answers.set()
        await asyncio.wait({renewal}, timeout=1)
    assert (await renewal).access == "new of ada"
    assert (await permissions.read(account, Purpose.FOLLOW)).access == "new of ada"
