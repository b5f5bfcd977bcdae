"""Tokens: sealed, refreshed by one holder at a time, and handed over for revocation when no longer needed."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from directory.accounts import AccountNetwork
from directory.errors import DirectoryUnavailable
from directory.mappings import Network
from directory.members.errors import UnknownAccount
from directory.members.tokens import GIVE_UP_REVOKING_AFTER, MIN_REVOCATION_ATTEMPTS, delay_before_revoking
from directory.networks.port import AppBinding, DpopBinding, Purpose, TokenSet
from directory.networks.sign_in_errors import NeedsSignIn
from directory.services.membership import Membership
from directory.services.permissions import Permissions
from directory.store.database import Database
from directory.store.revocations import RevocationStore
from directory.store.tokens import LOOK_EVERY_S, TokenStore
from directory.vault import KEY_FILE_NAME, Vault
from tests.directory.members.people import at_bluesky, at_mastodon
from tests.harness.clock import FakeClock


def tokens(access: str, now: datetime, *, hours: float = 1) -> TokenSet:
    return TokenSet(
        Network.BLUESKY,
        "did:plc:ada",
        "https://pds.example",
        access,
        f"refresh of {access}",
        "atproto",
        now + timedelta(hours=hours),
        "https://one.example/client",
        DpopBinding("the private key", None),
    )


def on_mastodon(access: str) -> TokenSet:
    return TokenSet(
        Network.MASTODON,
        "https://social.example/users/ada",
        "social.example",
        access,
        None,
        "profile",
        None,
        "client",
        AppBinding("app secret"),
    )


@pytest.fixture
async def account(membership: Membership) -> UUID:
    return (await membership.sign_in(at_bluesky("ada"))).account.id


async def never(_tokens: TokenSet, _now: datetime) -> TokenSet:
    raise AssertionError("not to be renewed")


async def test_tokens_come_back_as_they_were_kept(
    permissions: Permissions, account: UUID, clock: FakeClock, database: Database
) -> None:
    kept = tokens("secret-access", clock.now())
    await permissions.keep(account, Purpose.FOLLOW, kept)
    assert await permissions.read(account, Purpose.FOLLOW) == kept
    assert await permissions.fresh(account, Purpose.FOLLOW, never) == kept
    with pytest.raises(NeedsSignIn):
        await permissions.read(account, Purpose.PROVE)
    with pytest.raises(ValueError, match="never kept"):
        await permissions.keep(account, Purpose.PROVE, kept)
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT * FROM token")
    assert row is not None
    assert not any(word in str(dict(row)) for word in ("secret-access", "refresh of", "private key"))


async def test_a_member_sees_what_they_allowed(
    permissions: Permissions, membership: Membership, account: UUID, clock: FakeClock
) -> None:
    member = (await membership.sign_in(at_bluesky("ada"))).member
    other = (await membership.link(member, at_mastodon("ada"))).id
    await permissions.keep(account, Purpose.FOLLOW, tokens("a", clock.now()))
    await permissions.keep(other, Purpose.FOLLOW, on_mastodon("b"))
    listed = await permissions.list_of(member)
    assert {(token.account, token.purpose, token.issuer) for token in listed} == {
        (account, Purpose.FOLLOW, "https://pds.example"),
        (other, Purpose.FOLLOW, "social.example"),
    }
    with pytest.raises(UnknownAccount):
        await permissions.keep(uuid4(), Purpose.FOLLOW, tokens("c", clock.now()))


async def test_of_many_who_need_it_one_renews(
    permissions: Permissions, account: UUID, clock: FakeClock
) -> None:
    """A refresh token serves once: a second use ends the whole session at the network."""
    await permissions.keep(account, Purpose.FOLLOW, tokens("old", clock.now()))
    clock.advance(hours=2)
    calls = 0

    async def refresh(old: TokenSet, now: datetime) -> TokenSet:
        nonlocal calls
        assert old.access == "old"
        calls += 1
        await asyncio.sleep(0)
        return tokens("new", now)

    got = await asyncio.gather(*(permissions.fresh(account, Purpose.FOLLOW, refresh) for _ in range(3)))
    assert calls == 1
    assert {each.access for each in got} == {"new"}


async def test_two_processes_do_not_renew_at_once(
    permissions: Permissions, account: UUID, dsn: str, vault: Vault, clock: FakeClock
) -> None:
    await permissions.keep(account, Purpose.FOLLOW, tokens("old", clock.now()))
    clock.advance(hours=2)
    second = await Database.connect(dsn, max_connections=2)
    other = Permissions(TokenStore(second), RevocationStore(second), vault, clock)
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(_old: TokenSet, now: datetime) -> TokenSet:
        entered.set()
        await leave.wait()
        return tokens("new", now)

    first_task = asyncio.create_task(permissions.fresh(account, Purpose.FOLLOW, slow))
    await entered.wait()
    second_task = asyncio.create_task(other.fresh(account, Purpose.FOLLOW, never))
    await asyncio.wait({second_task}, timeout=3 * LOOK_EVERY_S)
    assert not second_task.done()
    leave.set()
    assert (await first_task).access == (await second_task).access == "new"
    await second.close()


async def test_what_the_network_gave_is_kept_though_the_holder_fails_after(
    permissions: Permissions, account: UUID, clock: FakeClock, database: Database, vault: Vault
) -> None:
    """The old refresh token is spent at that moment: losing the new one would cost the member a sign-in."""
    await permissions.keep(account, Purpose.FOLLOW, tokens("old", clock.now()))
    store = TokenStore(database)

    async def fails() -> None:
        async with store.hold_token(account, Purpose.FOLLOW) as held:
            await held.replace(b"hash of new", b"\x01new", clock.now(), None)
            raise TimeoutError("the network, later")

    with pytest.raises(TimeoutError, match="later"):
        await fails()
    assert (await store.read_token(account, Purpose.FOLLOW))[1] == b"\x01new"


async def test_a_failure_of_the_network_is_not_the_databases(
    permissions: Permissions, account: UUID, clock: FakeClock
) -> None:
    await permissions.keep(account, Purpose.FOLLOW, tokens("old", clock.now()))
    clock.advance(hours=2)

    async def refused(_old: TokenSet, _now: datetime) -> TokenSet:
        raise ConnectionRefusedError("the PDS")

    with pytest.raises(ConnectionRefusedError) as caught:
        await permissions.fresh(account, Purpose.FOLLOW, refused)
    assert not isinstance(caught.value, DirectoryUnavailable)
    assert (await permissions.read(account, Purpose.FOLLOW)).access == "old"


async def test_a_network_that_wants_a_person_is_remembered(
    permissions: Permissions, account: UUID, clock: FakeClock
) -> None:
    """Also where the account has moved: its former server still takes what it once gave, and nobody saw it any more."""
    await permissions.keep(account, Purpose.FOLLOW, tokens("old", clock.now()))
    clock.advance(hours=2)

    async def refused(_old: TokenSet, _now: datetime) -> TokenSet:
        raise NeedsSignIn("pds.example", "invalid_grant")

    with pytest.raises(NeedsSignIn, match="invalid_grant"):
        await permissions.fresh(account, Purpose.FOLLOW, refused)
    with pytest.raises(NeedsSignIn, match="no permission"):
        await permissions.fresh(account, Purpose.FOLLOW, never)
    ((_, revoked),) = await permissions.claim_revocations(10)
    assert revoked is not None
    assert revoked.access == "old"


async def test_a_cancelled_renewal_lets_go(permissions: Permissions, account: UUID, clock: FakeClock) -> None:
    await permissions.keep(account, Purpose.FOLLOW, tokens("old", clock.now()))
    clock.advance(hours=2)
    entered = asyncio.Event()

    async def hangs(_old: TokenSet, _now: datetime) -> TokenSet:
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError

    task = asyncio.create_task(permissions.fresh(account, Purpose.FOLLOW, hangs))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async def refresh(_old: TokenSet, now: datetime) -> TokenSet:
        return tokens("new", now)

    assert (await permissions.fresh(account, Purpose.FOLLOW, refresh)).access == "new"


async def test_a_new_sign_in_has_the_former_permission_revoked(
    permissions: Permissions, account: UUID, clock: FakeClock
) -> None:
    await permissions.keep(account, Purpose.FOLLOW, tokens("first", clock.now()))
    await permissions.keep(account, Purpose.FOLLOW, tokens("second", clock.now()))
    assert (await permissions.read(account, Purpose.FOLLOW)).access == "second"
    ((revocation, revoked),) = await permissions.claim_revocations(10)
    assert revoked is not None
    assert (revoked.access, revocation.issuer, revocation.network) == (
        "first",
        "https://pds.example",
        AccountNetwork.BLUESKY,
    )


async def test_the_same_token_given_again_is_not_revoked(
    permissions: Permissions, account: UUID, clock: FakeClock
) -> None:
    """Some servers give the same token for the same app and person: revoking it would end the new sign-in."""
    await permissions.keep(account, Purpose.FOLLOW, tokens("same", clock.now()))
    await permissions.keep(account, Purpose.FOLLOW, tokens("same", clock.now(), hours=5))
    assert await permissions.claim_revocations(10) == []


async def test_unlinking_has_the_accounts_permissions_revoked(
    membership: Membership, permissions: Permissions, account: UUID, clock: FakeClock
) -> None:
    member = (await membership.sign_in(at_bluesky("ada"))).member
    other = (await membership.link(member, at_mastodon("ada"))).id
    await permissions.keep(account, Purpose.FOLLOW, tokens("a", clock.now()))
    await permissions.keep(other, Purpose.FOLLOW, on_mastodon("b"))
    await membership.unlink(member, account)
    claimed = await permissions.claim_revocations(10)
    assert {revoked.access for _, revoked in claimed if revoked} == {"a"}
    assert (await permissions.read(other, Purpose.FOLLOW)).access == "b"


async def test_a_revocation_is_done_again_until_it_is_done(
    permissions: Permissions, account: UUID, clock: FakeClock
) -> None:
    """A crash between the network's answer and ours costs a second call, never a token that lives on."""
    await permissions.keep(account, Purpose.FOLLOW, tokens("a", clock.now()))
    assert await permissions.give_back(account, Purpose.FOLLOW)
    assert not await permissions.give_back(account, Purpose.FOLLOW)
    assert len(await permissions.claim_revocations(10)) == 1
    assert await permissions.claim_revocations(10) == [], "somebody has it"
    clock.advance(minutes=5)
    ((revocation, _),) = await permissions.claim_revocations(10)
    assert revocation.attempt == 2
    assert await permissions.reschedule_revocation(revocation)
    assert await permissions.claim_revocations(10) == []
    clock.advance(minutes=2)
    ((revocation, _),) = await permissions.claim_revocations(10)
    await permissions.finish_revocation(revocation)
    await permissions.finish_revocation(revocation)
    clock.advance(days=1)
    assert await permissions.claim_revocations(10) == []


async def test_revoking_is_given_up_after_a_month(
    permissions: Permissions, account: UUID, clock: FakeClock, database: Database
) -> None:
    await permissions.keep(account, Purpose.FOLLOW, tokens("a", clock.now()))
    await permissions.give_back(account, Purpose.FOLLOW)
    attempts = 0
    while claimed := await permissions.claim_revocations(10):
        attempts += 1
        if not await permissions.reschedule_revocation(claimed[0][0]):
            break
        clock.advance(days=1)
    assert attempts == GIVE_UP_REVOKING_AFTER.days + 1
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM revocation") == 0
    delays = [delay_before_revoking(attempt) for attempt in range(1, 100)]
    assert delays == sorted(delays)
    assert delays[-1] == timedelta(days=1)


async def test_a_revocation_outlives_a_month_in_which_nobody_tried(
    permissions: Permissions, account: UUID, clock: FakeClock
) -> None:
    """An instance stood still for longer than a month, and the server was away when it came back. Once, the first failure
    ended it all, and the permission lived on."""
    await permissions.keep(account, Purpose.FOLLOW, tokens("a", clock.now()))
    await permissions.give_back(account, Purpose.FOLLOW)
    clock.advance(days=40)
    began, attempts = clock.now(), 0
    while claimed := await permissions.claim_revocations(10):
        attempts += 1
        if not await permissions.reschedule_revocation(claimed[0][0]):
            break
        clock.advance(seconds=delay_before_revoking(attempts).total_seconds())
    assert attempts == MIN_REVOCATION_ATTEMPTS
    assert clock.now() - began > timedelta(days=1)


async def test_what_cannot_be_opened_any_more_blocks_nobody(
    permissions: Permissions, account: UUID, clock: FakeClock, database: Database
) -> None:
    """What was damaged opens under no key: the member is asked to sign in again, and can leave."""
    await permissions.keep(account, Purpose.FOLLOW, tokens("a", clock.now()))
    async with database.connection() as connection:
        await connection.execute("UPDATE token SET sealed = '\\x00'")
    await permissions.keep(account, Purpose.FOLLOW, tokens("b", clock.now()))
    assert (await permissions.read(account, Purpose.FOLLOW)).access == "b"
    ((revocation, revoked),) = await permissions.claim_revocations(10)
    assert revoked is None
    await permissions.finish_revocation(revocation)


async def test_what_waits_for_its_key_is_revoked_once_the_key_is_back(
    permissions: Permissions, account: UUID, clock: FakeClock, vault: Vault, tmp_path: Path
) -> None:
    """A folder that was not mounted, or an older copy of the vault, is put right an hour later. Once, each permission
    that was due in that hour was deleted, and lived on at its network."""
    await permissions.keep(account, Purpose.FOLLOW, tokens("a", clock.now()))
    file, aside = vault.folder / KEY_FILE_NAME, tmp_path / "aside"
    file.rename(aside)
    assert await permissions.give_back(account, Purpose.FOLLOW)
    assert await permissions.claim_revocations(10) == [], "the file is missing"
    Vault.open(vault.folder, now=clock.now(), may_create=True)
    clock.advance(hours=1)
    assert await permissions.claim_revocations(10) == [], "the file has another key"
    aside.replace(file)
    clock.advance(hours=1)
    ((_, revoked),) = await permissions.claim_revocations(10)
    assert revoked is not None
    assert revoked.access == "a"


async def test_others_need_not_wait_for_a_key(
    permissions: Permissions, membership: Membership, account: UUID, clock: FakeClock, database: Database
) -> None:
    await permissions.keep(account, Purpose.FOLLOW, tokens("a", clock.now()))
    async with database.connection() as connection:
        await connection.execute("UPDATE token SET sealed = '\\x01deadbeef00'")
    await permissions.give_back(account, Purpose.FOLLOW)
    other = (await membership.sign_in(at_mastodon("bob"))).account.id
    await permissions.keep(other, Purpose.FOLLOW, on_mastodon("b"))
    clock.advance(seconds=1)
    await permissions.give_back(other, Purpose.FOLLOW)
    ((_, revoked),) = await permissions.claim_revocations(1)
    assert revoked == on_mastodon("b")


async def test_mastodon_tokens_carry_what_revoking_them_takes(
    permissions: Permissions, membership: Membership, clock: FakeClock
) -> None:
    account = (await membership.sign_in(at_mastodon("ada"))).account.id
    kept = on_mastodon("access")
    await permissions.keep(account, Purpose.FOLLOW, kept)
    await permissions.give_back(account, Purpose.FOLLOW)
    ((_, revoked),) = await permissions.claim_revocations(10)
    assert revoked == kept
    assert KEY_FILE_NAME not in str(revoked)
