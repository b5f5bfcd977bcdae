"""The server of one person names that person: nothing of it stays once they are gone."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from directory.accounts import ProvenAccount
from directory.mappings import Evidence, EvidenceKind, Network
from directory.networks.backoff import Failure
from directory.networks.mastodon.apps import CHECK_AFTER, App
from directory.networks.port import AppBinding, Purpose, TokenSet
from directory.services.housekeeping import Housekeeping
from directory.services.kept_apps import KeptApps
from directory.services.leaving import Leaving
from directory.services.membership import Membership
from directory.services.permissions import Permissions
from directory.store.database import Database
from directory.store.host_backoff import HostBackoffStore
from directory.store.mastodon_apps import UNUSED_APP_KEPT, MastodonAppStore
from directory.vault import Vault
from tests.directory.members.people import at_bluesky, at_mastodon, mastodon
from tests.harness.clock import START, FakeClock

ALONE = "ada.example"


def at_home(name: str, host: str = ALONE, acct: str | None = None) -> ProvenAccount:
    account = mastodon(name, host=host, acct=acct)
    return ProvenAccount(account, Evidence(EvidenceKind.MASTODON_OAUTH, START))


@pytest.fixture
def apps(database: Database, vault: Vault) -> KeptApps:
    return KeptApps(MastodonAppStore(database), vault)


def app(host: str, at: datetime = START) -> App:
    return App(host, "profile", f"https://one.example/back/{host}", "client", "secret", at)


async def hosts(database: Database) -> set[str]:
    """The hosts that are kept anywhere without an owner."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT host FROM mastodon_app UNION SELECT host FROM host_backoff UNION SELECT issuer FROM revocation"
        )
    return {row["host"] for row in rows}


async def keep(database: Database, apps: KeptApps, *names: str) -> None:
    """Keeps an app and a back-off of each host."""
    for name in names:
        await apps.put(app(name))
        await HostBackoffStore(database).record_contacts({name: Failure()}, (), START)


async def test_who_leaves_takes_the_name_of_their_server_along(
    database: Database, apps: KeptApps, membership: Membership, leaving: Leaving
) -> None:
    """Whoever read the database years later knew that Ada, whose server is ada.example, had been a member."""
    member = (await membership.sign_in(at_home("ada"))).member
    await keep(database, apps, ALONE)
    await leaving.erase(member)
    assert await hosts(database) == set()


async def test_both_domains_of_a_server_go(
    database: Database, apps: KeptApps, membership: Membership, leaving: Leaving
) -> None:
    """The addresses of the accounts can be of another domain than the server."""
    member = (await membership.sign_in(at_home("ada", f"social.{ALONE}", f"ada@{ALONE}"))).member
    await keep(database, apps, ALONE, f"social.{ALONE}")
    await leaving.erase(member)
    assert await hosts(database) == set()


async def test_so_does_who_unlinks(database: Database, apps: KeptApps, membership: Membership) -> None:
    member = (await membership.sign_in(at_bluesky("ada"))).member
    account = (await membership.link(member, at_home("ada"))).id
    await keep(database, apps, ALONE)
    await membership.unlink(member, account)
    assert await hosts(database) == set()


async def test_a_server_of_others_stays_usable(
    database: Database, apps: KeptApps, membership: Membership, leaving: Leaving
) -> None:
    """Else each person who leaves has a big server register us anew."""
    member = (await membership.sign_in(at_mastodon("ada"))).member
    await membership.sign_in(at_mastodon("bob"))
    await keep(database, apps, "social.example")
    await leaving.erase(member)
    assert await apps.get("social.example", "profile", "https://one.example/back/social.example") == app(
        "social.example"
    )


async def test_a_token_that_is_being_revoked_is_all_that_waits(
    database: Database,
    apps: KeptApps,
    membership: Membership,
    permissions: Permissions,
    leaving: Leaving,
) -> None:
    """Its server has to be named until it has answered; the back-off keeps the job from asking it each minute."""
    signed_in = await membership.sign_in(at_home("ada"))
    await permissions.keep(signed_in.account.id, Purpose.FOLLOW, token())
    await keep(database, apps, ALONE)
    await leaving.erase(signed_in.member)
    assert await hosts(database) == {ALONE}
    assert await apps.get(ALONE, "profile", f"https://one.example/back/{ALONE}") is None
    await HostBackoffStore(database).record_contacts({}, [ALONE], START)
    ((revocation, tokens),) = await permissions.claim_revocations(10)
    assert tokens == token(), "the app's secret came with the token"
    await permissions.finish_revocation(revocation)
    assert await hosts(database) == set()


async def test_a_visit_that_led_to_nothing_is_forgotten_in_a_day(
    database: Database, apps: KeptApps, membership: Membership, permissions: Permissions, clock: FakeClock
) -> None:
    """Somebody tried their server, and never became a member. One that a token came from stays."""
    account: UUID = (await membership.sign_in(at_home("bob", "bob.example"))).account.id
    await permissions.keep(account, Purpose.FOLLOW, token("bob.example"))
    await apps.put(app(ALONE))
    await apps.put(app("bob.example"))
    clock.advance(seconds=(UNUSED_APP_KEPT - timedelta(seconds=1)) / timedelta(seconds=1))
    await apps.put(app("social.example", clock.now()))
    await Housekeeping(database, clock).run()
    assert await hosts(database) == {ALONE, "bob.example", "social.example"}
    clock.advance(seconds=1)
    await Housekeeping(database, clock).run()
    assert await hosts(database) == {"bob.example", "social.example"}
    assert timedelta(days=1) + CHECK_AFTER == UNUSED_APP_KEPT


def token(host: str = ALONE) -> TokenSet:
    return TokenSet(Network.MASTODON, "", host, "access", None, "", None, "client", AppBinding("app secret"))
