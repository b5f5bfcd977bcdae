"""Builds the services of members, the same for pages, commands and jobs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from deploy.wiring.ground import Ground, open_ground
from deploy.wiring.instance import open_reads
from deploy.wiring.networks import Networks, build_networks, build_post_checker
from directory.clock import Clock, SystemClock
from directory.networks.http import GuardedClient, user_agent
from directory.services.claiming import Claiming
from directory.services.consenting import Consenting
from directory.services.follow_lists import FollowLists
from directory.services.leaving import Leaving
from directory.services.live_settings import kept_fresh
from directory.services.membership import Membership
from directory.services.newcomer_messages import MessageChoices
from directory.services.page_links import PageLinks
from directory.services.permissions import Permissions
from directory.services.proving import Proving
from directory.services.publishing import Publishing
from directory.services.signing_in import SigningIn
from directory.settings import Settings
from directory.store.challenges import ChallengeStore
from directory.store.claims import ClaimStore
from directory.store.consents import ConsentStore
from directory.store.database import Database
from directory.store.erasures import ErasureStore
from directory.store.exports import ExportStore
from directory.store.follow_lists import FollowListStore
from directory.store.link_checks import LinkCheckStore
from directory.store.member_pages import MemberPageStore
from directory.store.members import MemberStore
from directory.store.newcomer_messages import NewcomerMessageStore
from directory.store.proof_checks import ProofCheckStore
from directory.store.publications import PublicationStore
from directory.store.reads import ReadDatabase
from directory.store.revocations import RevocationStore
from directory.store.sessions import SessionStore
from directory.store.sign_ins import SignInStore
from directory.store.tokens import TokenStore
from directory.store.used_challenges import UsedChallengeStore
from federation.keys.instance import log_origin


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberParts:
    """Services of members over one database, and what they are built on."""

    ground: Ground
    networks: Networks
    membership: Membership
    claiming: Claiming
    signing_in: SigningIn
    permissions: Permissions
    proving: Proving
    page_links: PageLinks
    publishing: Publishing
    consenting: Consenting
    follow_lists: FollowLists
    messages: MessageChoices
    leaving: Leaving


@asynccontextmanager
async def open_members(
    settings: Settings,
    database: Database,
    clock: Clock,
    *,
    http: GuardedClient | None = None,
    reads: ReadDatabase | None = None,
) -> AsyncIterator[MemberParts]:
    """Opens the services of members until the block ends; `http` makes all requests to other servers, and answers come from
    `reads`, where it is there.

    Raises VaultError, DirectoryUnavailable, InvalidInstanceSetting.
    """
    ground = await open_ground(settings, database, clock, reads)
    client = http or GuardedClient(user_agent(settings.base_url), allow_loopback=settings.allow_loopback)
    async with client:
        permissions = _permissions(ground)
        yield build_members(ground, build_networks(ground, client, permissions), permissions)


@asynccontextmanager
async def opened_members(
    settings: Settings, dsn: str, database: Database, http: GuardedClient | None = None
) -> AsyncIterator[MemberParts]:
    """Opens what a serving process needs until the block ends: the replicas of the settings, the services of members, and
    settings of the instance that follow what an operator changes. `http` makes all requests to other servers.

    Raises VaultError, DirectoryUnavailable, InvalidInstanceSetting.
    """
    async with (
        open_reads(settings, dsn, database) as reads,
        open_members(settings, database, SystemClock(), http=http, reads=reads) as members,
        kept_fresh(members.ground.instance),
    ):
        yield members


def build_members(ground: Ground, networks: Networks, permissions: Permissions) -> MemberParts:
    """Builds the services over an open, migrated database."""
    settings, database, clock, vault = ground.settings, ground.database, ground.clock, ground.secrets.vault
    people, claims = MemberStore(database), ClaimStore(database)
    return MemberParts(
        ground=ground,
        networks=networks,
        membership=Membership(people, claims, clock),
        claiming=Claiming(
            claims, build_post_checker(ground, networks.http), UsedChallengeStore(database, vault), clock
        ),
        signing_in=SigningIn(SignInStore(database), SessionStore(database), vault, clock),
        permissions=permissions,
        proving=Proving(people, ChallengeStore(database), ProofCheckStore(database), vault, clock),
        page_links=_page_links(settings, database, clock),
        publishing=Publishing(people, PublicationStore(database), clock, log_origin(settings)),
        consenting=Consenting(ConsentStore(database), clock),
        follow_lists=FollowLists(FollowListStore(database), clock),
        messages=MessageChoices(
            NewcomerMessageStore(database),
            ConsentStore(database),
            vault,
            clock,
            frozenset(networks.messengers),
        ),
        leaving=Leaving(ExportStore(database), ErasureStore(database), clock, settings.domain),
    )


def _permissions(ground: Ground) -> Permissions:
    database = ground.database
    return Permissions(TokenStore(database), RevocationStore(database), ground.secrets.vault, ground.clock)


def _page_links(settings: Settings, database: Database, clock: Clock) -> PageLinks:
    return PageLinks(
        MemberPageStore(database),
        LinkCheckStore(database),
        clock,
        base_url=settings.base_url,
        is_offered=bool(settings.x_fxtwitter),
    )
