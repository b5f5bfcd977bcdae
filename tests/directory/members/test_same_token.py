"""A server may give the same token again: no revocation ends one that somebody keeps."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from directory.members.errors import AccountLinkedElsewhere
from directory.members.tokens import KEEP_WITHIN, REVOCATION_LEASE, Revocation, token_hash
from directory.networks.port import Purpose, TokenSet
from directory.networks.sign_in_errors import NeedsSignIn
from directory.services.leaving import Leaving
from directory.services.membership import Membership
from directory.services.permissions import Permissions
from directory.store.database import Database
from tests.directory.members.people import at_bluesky, at_mastodon
from tests.directory.members.test_permissions import on_mastodon, tokens
from tests.harness.clock import FakeClock

SAME = on_mastodon("the same token")


@pytest.fixture
async def account(membership: Membership) -> UUID:
    return (await membership.sign_in(at_mastodon("ada"))).account.id


async def claim(permissions: Permissions) -> Revocation:
    """Claims the one revocation that is due."""
    ((revocation, _),) = await permissions.claim_revocations(10)
    return revocation


async def is_waiting(database: Database) -> int:
    """Counts the revocations."""
    async with database.connection() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM revocation"))


async def test_a_token_that_only_proves_is_due_at_once(permissions: Permissions, database: Database) -> None:
    """It never ends by itself, and opened the account to whoever read it; nothing uses it."""
    await permissions.note_grant(SAME, Purpose.PROVE)
    ((revocation, noted),) = await permissions.claim_revocations(10)
    assert noted == SAME
    assert await permissions.begin_revocation(revocation)
    await permissions.finish_revocation(revocation)
    assert await is_waiting(database) == 0


async def test_a_permission_that_nobody_keeps_is_given_back(
    permissions: Permissions, clock: FakeClock
) -> None:
    """The process dies between the grant and the keeping: the token is known, and is revoked."""
    await permissions.note_grant(SAME, Purpose.FOLLOW)
    assert await permissions.claim_revocations(10) == []
    clock.advance(seconds=KEEP_WITHIN / timedelta(seconds=1))
    assert await permissions.begin_revocation(await claim(permissions))


async def test_what_is_kept_is_not_revoked(
    permissions: Permissions, account: UUID, clock: FakeClock, database: Database
) -> None:
    await permissions.note_grant(SAME, Purpose.FOLLOW)
    await permissions.keep(account, Purpose.FOLLOW, SAME)
    clock.advance(days=1)
    assert await permissions.claim_revocations(10) == []
    assert await is_waiting(database) == 0
    assert await permissions.read(account, Purpose.FOLLOW) == SAME


async def test_a_refused_link_does_not_end_the_holders_token(
    permissions: Permissions, membership: Membership, account: UUID, database: Database
) -> None:
    """Mallory gets a browser that is signed in at Ada's server, and links Ada's account to her own membership. The
    link is refused. The server gave the token that Ada's membership keeps: giving it back would end hers."""
    await permissions.keep(account, Purpose.FOLLOW, SAME)
    mallory = (await membership.sign_in(at_bluesky("mallory"))).member
    await permissions.note_grant(SAME, Purpose.PROVE)
    with pytest.raises(AccountLinkedElsewhere):
        await membership.link(mallory, at_mastodon("ada"))
    assert not await permissions.begin_revocation(await claim(permissions))
    assert await is_waiting(database) == 0
    assert await permissions.read(account, Purpose.FOLLOW) == SAME


async def test_a_late_job_does_not_end_what_was_granted_again(
    permissions: Permissions, account: UUID, database: Database
) -> None:
    """Ada gives her permission back, her server is down, and she permits it again before the next attempt: she gets
    the same token."""
    await permissions.keep(account, Purpose.FOLLOW, SAME)
    await permissions.give_back(account, Purpose.FOLLOW)
    revocation = await claim(permissions)
    assert await permissions.begin_revocation(revocation)
    assert await permissions.reschedule_revocation(revocation)
    await permissions.keep(account, Purpose.FOLLOW, SAME)
    assert await is_waiting(database) == 0
    assert not await permissions.begin_revocation(revocation)
    assert await permissions.read(account, Purpose.FOLLOW) == SAME


async def test_it_is_kept_between_the_claim_and_the_attempt(permissions: Permissions, account: UUID) -> None:
    await permissions.note_grant(SAME, Purpose.PROVE)
    revocation = await claim(permissions)
    await permissions.keep(account, Purpose.FOLLOW, SAME)
    assert not await permissions.begin_revocation(revocation)
    assert await permissions.read(account, Purpose.FOLLOW) == SAME


@pytest.mark.parametrize("answers", [True, False], ids=["revoked", "no answer"])
async def test_it_is_kept_while_the_attempt_is_at_the_network(
    permissions: Permissions, account: UUID, answers: bool
) -> None:
    """The server gives the token again a moment before it revokes it: kept, it would fail in silence, follow by
    follow. No answer may mean that it was revoked. The owner is asked to sign in again."""
    await permissions.note_grant(SAME, Purpose.PROVE)
    revocation = await claim(permissions)
    assert await permissions.begin_revocation(revocation)
    await permissions.keep(account, Purpose.FOLLOW, SAME)
    if answers:
        await permissions.finish_revocation(revocation)
    else:
        await permissions.reschedule_revocation(revocation)
    with pytest.raises(NeedsSignIn):
        await permissions.read(account, Purpose.FOLLOW)


async def test_the_process_dies_while_its_attempt_is_at_the_network(
    permissions: Permissions, account: UUID, clock: FakeClock, database: Database
) -> None:
    """Nobody knows whether the token still lives. The next attempt revokes it for sure, and has the owner asked."""
    await permissions.note_grant(SAME, Purpose.PROVE)
    assert await permissions.begin_revocation(await claim(permissions))
    await permissions.keep(account, Purpose.FOLLOW, SAME)
    clock.advance(seconds=REVOCATION_LEASE / timedelta(seconds=1))
    again = await claim(permissions)
    assert await permissions.begin_revocation(again)
    await permissions.finish_revocation(again)
    assert await is_waiting(database) == 0
    with pytest.raises(NeedsSignIn):
        await permissions.read(account, Purpose.FOLLOW)


async def test_a_late_result_touches_nothing(
    permissions: Permissions, account: UUID, clock: FakeClock
) -> None:
    """The first attempt comes back after the second was finished, and the token was granted anew since."""
    await permissions.note_grant(SAME, Purpose.PROVE)
    first = await claim(permissions)
    assert await permissions.begin_revocation(first)
    clock.advance(seconds=REVOCATION_LEASE / timedelta(seconds=1))
    second = await claim(permissions)
    assert not await permissions.begin_revocation(first)
    assert await permissions.begin_revocation(second)
    await permissions.finish_revocation(second)
    await permissions.keep(account, Purpose.FOLLOW, SAME)
    await permissions.finish_revocation(first)
    assert await permissions.read(account, Purpose.FOLLOW) == SAME


async def test_at_every_moment_it_lives_or_its_owner_is_asked(
    permissions: Permissions, account: UUID, database: Database
) -> None:
    """Keeping and revoking race: whoever comes first, no dead token is left as if it were good."""
    for _ in range(20):
        await permissions.note_grant(SAME, Purpose.PROVE)
        revocation = await claim(permissions)
        ended = False

        async def revoke(revocation: Revocation = revocation) -> None:
            nonlocal ended
            if await permissions.begin_revocation(revocation):
                ended = True  # the network answered
                await permissions.finish_revocation(revocation)

        await asyncio.gather(revoke(), permissions.keep(account, Purpose.FOLLOW, SAME))
        async with database.connection() as connection:
            kept_at_the_end = await connection.fetchval("SELECT count(*) FROM token")
        # A token that was kept after the revocation had come back is one that the server granted after it.
        if not ended:
            assert kept_at_the_end == 1
        assert await is_waiting(database) == 0
        await permissions.give_back(account, Purpose.FOLLOW)
        async with database.connection() as connection:
            await connection.execute("DELETE FROM revocation")


async def test_a_renewed_token_is_the_one_that_is_known(
    permissions: Permissions, account: UUID, clock: FakeClock, database: Database, membership: Membership
) -> None:
    """After a renewal the hash of the former token would protect nothing."""
    bluesky = (await membership.sign_in(at_bluesky("ada"))).account.id
    await permissions.keep(bluesky, Purpose.FOLLOW, tokens("old", clock.now()))
    clock.advance(hours=2)
    new = tokens("new", clock.now())

    async def refresh(_old: TokenSet, _now: object) -> TokenSet:
        return new

    await permissions.fresh(bluesky, Purpose.FOLLOW, refresh)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT token_hash FROM token") == token_hash(new)
    await permissions.note_grant(new, Purpose.PROVE)
    assert not await permissions.begin_revocation(await claim(permissions))


async def test_who_leaves_keeps_no_other_membership_alive(
    permissions: Permissions, membership: Membership, leaving: Leaving, account: UUID
) -> None:
    """A leaving member's token is the one that another account keeps: it stays, for that one."""
    other = await membership.sign_in(at_bluesky("eve"))
    await permissions.keep(account, Purpose.FOLLOW, SAME)
    await permissions.keep(other.account.id, Purpose.FOLLOW, SAME)
    await leaving.erase(other.member)
    assert not await permissions.begin_revocation(await claim(permissions))
    assert await permissions.read(account, Purpose.FOLLOW) == SAME


async def test_a_server_does_not_name_the_token_of_another() -> None:
    """A hostile server gives out the text of a token that another server gave: they are two tokens."""
    evil = TokenSet(
        SAME.network, SAME.account_id, "evil.example", SAME.access, None, "", None, "client", SAME.binding
    )
    assert token_hash(evil) != token_hash(SAME)
    assert len(token_hash(SAME)) == 32
