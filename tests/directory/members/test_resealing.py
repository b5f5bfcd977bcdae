"""Rotation of the vault's key, and sealed apps."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest

from directory.accounts import AccountNetwork
from directory.members.sessions import new_token
from directory.networks.mastodon.apps import App
from directory.networks.port import Purpose, TokenSet
from directory.services.kept_apps import KeptApps
from directory.services.membership import Membership
from directory.services.permissions import Permissions
from directory.services.proving import Proving
from directory.services.resealing import finish_rotation, rotate
from directory.services.signing_in import Departure, SigningIn
from directory.store.database import Database
from directory.store.mastodon_apps import MastodonAppStore
from directory.store.member_tables import SEALED_TABLES
from directory.store.sealed import SealedStore
from directory.vault import KEY_FILE_NAME, RETIRE_AFTER, Secret, Vault
from tests.directory.members.contests import is_held_up
from tests.directory.members.people import INSTANCE, at_bluesky, at_mastodon
from tests.directory.members.test_permissions import tokens
from tests.harness.clock import START, FakeClock


class Keepers(NamedTuple):
    """The services that keep sealed secrets, and their vault."""

    permissions: Permissions
    proving: Proving
    signing_in: SigningIn
    apps: KeptApps
    vault: Vault


@pytest.fixture
def apps(database: Database, vault: Vault) -> KeptApps:
    return KeptApps(MastodonAppStore(database), vault)


@pytest.fixture
def keepers(
    permissions: Permissions, proving: Proving, signing_in: SigningIn, apps: KeptApps, vault: Vault
) -> Keepers:
    return Keepers(permissions, proving, signing_in, apps, vault)


def app(client_id: str, secret: str) -> App:
    return App("social.example", "profile", "https://one.example/back", client_id, secret, START)


@pytest.fixture
async def account(membership: Membership) -> UUID:
    return (await membership.sign_in(at_bluesky("ada"))).account.id


async def test_every_sealed_column_is_known(database: Database) -> None:
    """One that is forgotten would be lost with the key it was sealed under."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = 'sealed'"
        )
    assert {row["table_name"] for row in rows} == set(SEALED_TABLES)


async def test_everything_is_sealed_anew_and_the_old_key_goes(
    keepers: Keepers, membership: Membership, account: UUID, database: Database, clock: FakeClock
) -> None:
    sealed = SealedStore(database)
    member = (await membership.sign_in(at_bluesky("ada"))).member
    mastodon = (await membership.link(member, at_mastodon("ada"))).id
    await keepers.permissions.keep(account, Purpose.FOLLOW, tokens("kept", clock.now()))
    await keepers.permissions.keep(mastodon, Purpose.FOLLOW, tokens("handed over", clock.now()))
    await keepers.permissions.give_back(mastodon, Purpose.FOLLOW)
    await keepers.apps.put(app("client", "app secret"))
    challenge = await keepers.proving.new_challenge(member, INSTANCE, "en")
    browser, state = new_token(), new_token()
    await keepers.signing_in.begin(
        browser, Departure(state, Purpose.PROVE, AccountNetwork.X, None, Secret(b"record"))
    )
    former = keepers.vault.key_ids()[0]
    assert len(await sealed.list_headers()) == 1

    done = await rotate(keepers.vault, database, clock.now())
    assert (done.resealed, done.broken, done.retired) == (5, 0, ())
    assert await sealed.list_headers() == {keepers.vault.header}
    clock.advance(seconds=RETIRE_AFTER / timedelta(seconds=1))
    assert (await finish_rotation(keepers.vault, database, clock.now())).retired == (former,)

    assert (await keepers.permissions.read(account, Purpose.FOLLOW)).access == "kept"
    ((_, revoked),) = await keepers.permissions.claim_revocations(10)
    assert revoked is not None
    assert revoked.access == "handed over"
    assert await keepers.apps.get("social.example", "profile", "https://one.example/back") == app(
        "client", "app secret"
    )
    assert await keepers.proving.open_challenge(member) == challenge
    clock.advance(days=-1)
    assert (await keepers.signing_in.finish(browser, state, None)).secrets.reveal() == b"record"


async def test_rotation_goes_in_batches_and_over_what_is_broken(
    keepers: Keepers,
    membership: Membership,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("directory.services.resealing.RESEAL_BATCH", 2)
    for name in ("ada", "bob", "cyd", "dan", "eve"):
        account = (await membership.sign_in(at_bluesky(name))).account.id
        await keepers.permissions.keep(account, Purpose.FOLLOW, tokens(name, START))
    async with database.connection() as connection:
        await connection.execute("UPDATE token SET sealed = sealed || '\\x00' WHERE account = $1", account)
    done = await rotate(keepers.vault, database, START)
    assert (done.resealed, done.broken) == (4, 1)
    done = await finish_rotation(keepers.vault, database, START + timedelta(days=2))
    assert (done.resealed, done.broken, done.retired) == (0, 1, ()), "the key that it may need is kept"


async def test_a_token_renewed_during_a_rotation_is_not_lost(
    permissions: Permissions, account: UUID, vault: Vault, database: Database, clock: FakeClock
) -> None:
    """Sealing the former token over the new one would cost the member a sign-in."""
    await permissions.keep(account, Purpose.FOLLOW, tokens("old", clock.now()))
    clock.advance(hours=2)
    rotation: asyncio.Task[object] | None = None

    async def refresh(_old: TokenSet, now: datetime) -> TokenSet:
        nonlocal rotation
        rotation = asyncio.create_task(rotate(vault, database, now))
        await asyncio.sleep(0)
        return tokens("new", now)

    await permissions.fresh(account, Purpose.FOLLOW, refresh)
    assert rotation is not None
    await rotation
    assert (await permissions.read(account, Purpose.FOLLOW)).access == "new"


async def test_a_rotation_and_an_erasure_do_not_wait_for_each_other(
    permissions: Permissions, membership: Membership, account: UUID, vault: Vault, database: Database
) -> None:
    """Both held rows of the same member, each waited for one of the other's, and the database ended one of the two: a member
    who left read an error, or the rotation broke off."""
    member = (await membership.sign_in(at_bluesky("ada"))).member
    other = (await membership.link(member, at_mastodon("ada"))).id
    for each in (account, other):
        await permissions.keep(each, Purpose.FOLLOW, tokens(str(each), START))
    async with database.connection() as connection:
        first, last = [row["id"] for row in await connection.fetch("SELECT id FROM token ORDER BY id")]
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM token WHERE id = $1", last)
        rotation = asyncio.ensure_future(rotate(vault, database, START))
        assert await is_held_up(database, rotation)
        await connection.execute("DELETE FROM token WHERE id = $1", first)
    done = await rotation
    assert (done.resealed, done.broken) == (1, 0)


async def test_without_its_key_a_sealed_thing_is_asked_for_anew(
    keepers: Keepers, membership: Membership, account: UUID, tmp_path: Path, clock: FakeClock
) -> None:
    member = (await membership.sign_in(at_bluesky("ada"))).member
    await keepers.apps.put(app("client", "app secret"))
    lost = await keepers.proving.new_challenge(member, INSTANCE, "en")
    (tmp_path / KEY_FILE_NAME).unlink()
    Vault.open(tmp_path, now=clock.now(), may_create=True)
    assert await keepers.apps.get("social.example", "profile", "https://one.example/back") is None
    assert await keepers.proving.open_challenge(member) is None
    assert (await keepers.proving.new_challenge(member, INSTANCE, "en")).id != lost.id
    assert account


async def test_an_app_is_kept_once_a_host_and_scope(apps: KeptApps, database: Database) -> None:
    await asyncio.gather(*(apps.put(app(f"client {number}", "secret")) for number in range(4)))
    async with database.connection() as connection:
        (row,) = await connection.fetch("SELECT * FROM mastodon_app")
    assert "secret" not in str(dict(row)).replace("client_secret", "")
    kept = await apps.get("social.example", "profile", "https://one.example/back")
    assert kept is not None
    assert kept.client_secret == "secret"  # noqa: S105 - a test's
    await apps.doubt("social.example", "another client", START)
    assert await apps.get("social.example", "profile", "https://one.example/back") == kept
    await apps.doubt("social.example", kept.client_id, START)
    doubted = await apps.get("social.example", "profile", "https://one.example/back")
    assert doubted is not None
    assert doubted.is_due(START)
    assert await apps.get("other.example", "profile", "https://one.example/back") is None
