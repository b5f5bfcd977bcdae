"""Fixtures for members: services over a real database, with a vault of their own."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

import pytest

from directory.members.publications import Wish
from directory.services.consenting import Consenting
from directory.services.follow_lists import FollowLists
from directory.services.leaving import Leaving
from directory.services.lookup import Lookup
from directory.services.membership import Membership
from directory.services.page_links import PageLinks
from directory.services.permissions import Permissions
from directory.services.proving import Proving
from directory.services.signing_in import SigningIn
from directory.store.challenges import ChallengeStore
from directory.store.claims import ClaimStore
from directory.store.consents import ConsentStore
from directory.store.database import Database
from directory.store.erasures import ErasureStore
from directory.store.exports import ExportStore
from directory.store.follow_lists import FollowListStore
from directory.store.link_checks import LinkCheckStore
from directory.store.mappings import MappingStore
from directory.store.member_pages import MemberPageStore
from directory.store.members import MemberStore
from directory.store.proof_checks import ProofCheckStore
from directory.store.rechecks import RecheckStore
from directory.store.revocations import RevocationStore
from directory.store.sessions import SessionStore
from directory.store.sign_ins import SignInStore
from directory.store.tokens import TokenStore
from directory.vault import Vault
from tests.directory.members.contests import Site
from tests.directory.members.logged import LoggedPublishing
from tests.directory.members.people import INSTANCE, at_bluesky, on_x
from tests.harness.clock import FakeClock
from tests.harness.mappings import ORIGIN

Join = Callable[[str, int | None], Awaitable[tuple[UUID, Wish]]]


@pytest.fixture
def vault(tmp_path: Path, clock: FakeClock) -> Vault:
    return Vault.open(tmp_path, now=clock.now(), may_create=True)


@pytest.fixture
def claims(database: Database) -> ClaimStore:
    return ClaimStore(database)


@pytest.fixture
def membership(database: Database, claims: ClaimStore, clock: FakeClock) -> Membership:
    return Membership(MemberStore(database), claims, clock)


@pytest.fixture
def signing_in(database: Database, vault: Vault, clock: FakeClock) -> SigningIn:
    return SigningIn(SignInStore(database), SessionStore(database), vault, clock)


@pytest.fixture
def publishing(database: Database, clock: FakeClock, tmp_path: Path) -> LoggedPublishing:
    return LoggedPublishing(database, clock, tmp_path / "instance")


@pytest.fixture
def consenting(database: Database, clock: FakeClock) -> Consenting:
    return Consenting(ConsentStore(database), clock)


@pytest.fixture
def follow_lists(database: Database, clock: FakeClock) -> FollowLists:
    return FollowLists(FollowListStore(database), clock)


@pytest.fixture
def permissions(database: Database, vault: Vault, clock: FakeClock) -> Permissions:
    return Permissions(TokenStore(database), RevocationStore(database), vault, clock)


@pytest.fixture
def proving(database: Database, vault: Vault, clock: FakeClock) -> Proving:
    return Proving(MemberStore(database), ChallengeStore(database), ProofCheckStore(database), vault, clock)


@pytest.fixture
def page_links(database: Database, clock: FakeClock) -> PageLinks:
    checks = LinkCheckStore(database)
    return PageLinks(
        MemberPageStore(database), checks, clock, base_url=f"https://{INSTANCE}", is_offered=True
    )


@pytest.fixture
def rechecks(database: Database) -> RecheckStore:
    return RecheckStore(database)


@pytest.fixture
def leaving(database: Database, clock: FakeClock) -> Leaving:
    return Leaving(ExportStore(database), ErasureStore(database), clock, INSTANCE)


@pytest.fixture
def lookup(database: Database, clock: FakeClock) -> Lookup:
    return Lookup(MappingStore(database), clock, ORIGIN)


@pytest.fixture
def join(membership: Membership, clock: FakeClock) -> Join:
    """Makes a member with a Bluesky and an X account. Returns their id, and the wish to publish the one as the other."""

    async def join(name: str, x_id: int | None) -> tuple[UUID, Wish]:
        signed_in = await membership.sign_in(at_bluesky(name, at=clock.now()))
        x = await membership.link(signed_in.member, on_x(name, x_id, at=clock.now()))
        return signed_in.member, Wish(x.id, signed_in.account.id, consent=1)

    return join


@pytest.fixture
def site(  # noqa: PLR0917 - what these tests work with
    database: Database,
    clock: FakeClock,
    membership: Membership,
    publishing: LoggedPublishing,
    claims: ClaimStore,
    rechecks: RecheckStore,
    leaving: Leaving,
    lookup: Lookup,
    join: Join,
) -> Site:
    return Site(database, clock, membership, publishing, claims, rechecks, leaving, lookup, join)
