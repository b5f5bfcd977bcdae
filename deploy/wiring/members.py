"""Everything that members need, built once: clients, stores, the vault; and the jobs over the same."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog

from deploy.database import data_folder
from directory.accounts import AccountNetwork
from directory.clock import Clock
from directory.jobs.catalogue import JobParts, Jobs
from directory.jobs.host_watch import HostWatch
from directory.jobs.worker import Worker
from directory.networks.bluesky.client import LoopbackClient, OAuthClient, PublishedClient
from directory.networks.bluesky.client_key_file import ClientKeyFile
from directory.networks.bluesky.did import DidResolver
from directory.networks.bluesky.dns import look_up_txt
from directory.networks.bluesky.handles import (
    HandleResolver,
    dns_source,
    service_source,
    well_known_source,
)
from directory.networks.bluesky.identity import Identities
from directory.networks.bluesky.requests import DpopRequests
from directory.networks.bluesky.servers import Servers
from directory.networks.bluesky.sign_in import BlueskySignIn
from directory.networks.http import GuardedClient, user_agent
from directory.networks.mastodon.apps import Apps
from directory.networks.mastodon.sign_in import MastodonSignIn
from directory.networks.port import SignIn
from directory.proofs.profile_link import LinkChecker
from directory.proofs.x_oauth import XKey, XSignIn
from directory.proofs.x_post import PostChecker, XSources
from directory.secret_files import SecretFolder
from directory.services.consenting import Consenting
from directory.services.follow_lists import FollowLists
from directory.services.housekeeping import Housekeeping, Stores
from directory.services.kept_apps import KeptApps
from directory.services.leaving import Leaving
from directory.services.membership import Membership
from directory.services.newcomers import Newcomers
from directory.services.page_links import PageLinks
from directory.services.permissions import Permissions
from directory.services.profile_checking import ProfileChecking
from directory.services.proving import Proving
from directory.services.publishing import Publishing
from directory.services.signing_in import SigningIn
from directory.settings import Settings
from directory.store.arrivals import ArrivalStore
from directory.store.challenges import ChallengeStore
from directory.store.claims import ClaimStore
from directory.store.consents import ConsentStore
from directory.store.database import Database
from directory.store.erasures import ErasureStore
from directory.store.exports import ExportStore
from directory.store.follow_lists import FollowListStore
from directory.store.host_backoff import HostBackoffStore
from directory.store.link_checks import LinkCheckStore
from directory.store.mastodon_apps import MastodonAppStore
from directory.store.member_pages import MemberPageStore
from directory.store.members import MemberStore
from directory.store.proof_checks import ProofCheckStore
from directory.store.publications import PublicationStore
from directory.store.rechecks import RecheckStore
from directory.store.revocations import RevocationStore
from directory.store.sealed import SealedStore
from directory.store.sessions import SessionStore
from directory.store.sign_ins import SignInStore
from directory.store.tokens import TokenStore
from directory.store.used_challenges import UsedChallengeStore
from directory.vault import Vault
from federation.keys.instance import log_origin
from web.auth.journey import CALLBACKS
from web.errors import MEND_VAULT
from web.member_services import MemberServices
from web.middleware.rate_limit import RateLimiter

VAULT_FOLDER: Final = "vault"
"""Beside the instance's own keys, and like them no part of the database's backup."""

log = structlog.get_logger(__name__)
Announce = Callable[[], Awaitable[object]]


async def _leave_to_sequencer() -> None:
    """The sequencer looks for what is pending each second."""


@asynccontextmanager
async def open_members(
    settings: Settings,
    database: Database,
    clock: Clock,
    *,
    http: GuardedClient | None = None,
    announce: Announce | None = None,
) -> AsyncIterator[tuple[MemberServices, Worker]]:
    """The services of members, and the worker over them, which is not yet running.

    `http` asks all the servers of others; `announce` is for those who run no sequencer.
    Raises MissingKeyFile, UnsafeKeyFile, UnsafeSecret.
    """
    vault = await open_vault(settings, database, clock)
    client = http or GuardedClient(user_agent(settings.base_url), allow_loopback=settings.allow_loopback)
    async with client:
        yield _build(
            settings,
            database=database,
            clock=clock,
            vault=vault,
            http=client,
            announce=announce or _leave_to_sequencer,
        )


async def open_vault(settings: Settings, database: Database, clock: Clock) -> Vault:
    """The vault of the data folder; its key is made where nothing is sealed yet."""
    headers = await SealedStore(database).list_headers()
    vault = Vault.open(secret_folder(settings), now=clock.now(), may_create=not headers)
    if lost := vault.missing_keys(headers):
        log.error("things are sealed under keys that the vault does not hold", keys=lost, mend=MEND_VAULT)
    return vault


def secret_folder(settings: Settings) -> Path:
    """Where the vault's keys lie, and those that name us to Bluesky's servers. Raises UnsafeSecret."""
    folder = data_folder(settings) / VAULT_FOLDER
    SecretFolder(path=folder).ensure()
    return folder


def _build(  # noqa: PLR0913 - the parts that everything is made of
    settings: Settings,
    *,
    database: Database,
    clock: Clock,
    vault: Vault,
    http: GuardedClient,
    announce: Announce,
) -> tuple[MemberServices, Worker]:
    people, checks, challenges = MemberStore(database), ProofCheckStore(database), ChallengeStore(database)
    sessions, sign_ins, claims = SessionStore(database), SignInStore(database), ClaimStore(database)
    consents, publications = ConsentStore(database), PublicationStore(database)
    bluesky_client = _bluesky_client(settings)
    bluesky = _bluesky(settings, http, bluesky_client)
    apps = Apps(http, KeptApps(MastodonAppStore(database), vault), settings.name, settings.base_url)
    mastodon = MastodonSignIn(http, apps)
    permissions = Permissions(TokenStore(database), RevocationStore(database), vault, clock)
    proving = Proving(people, challenges, checks, vault, clock)
    link_checks = LinkCheckStore(database)
    host_backoffs = HostBackoffStore(database)
    stores = Stores(
        sign_ins, sessions, challenges, claims, consents, publications, link_checks, host_backoffs
    )
    fxtwitter = settings.x_fxtwitter or None
    page_links = PageLinks(
        MemberPageStore(database),
        link_checks,
        clock,
        base_url=settings.base_url,
        is_offered=fxtwitter is not None,
    )
    dids = DidResolver(http, plc_url=settings.plc_url, allow_loopback=settings.allow_loopback)
    networks: dict[AccountNetwork, SignIn] = {
        AccountNetwork.BLUESKY: bluesky,
        AccountNetwork.MASTODON: mastodon,
    }
    worker = Worker(
        Jobs(
            JobParts(
                clock=clock,
                proving=proving,
                used=UsedChallengeStore(database, vault),
                checker=PostChecker(http, _sources(settings).in_order(), clock),
                rechecks=RecheckStore(database),
                permissions=permissions,
                networks=networks,
                mastodon=mastodon,
                page_links=page_links,
                links=ProfileChecking(LinkChecker(http, clock), page_links, dids, fxtwitter),
                newcomers=Newcomers(ArrivalStore(database), clock),
                housekeeping=Housekeeping(stores, clock),
            )
        ).kinds(),
        partial(HostWatch, host_backoffs, clock, _shared_hosts(settings)),
    )
    members = MemberServices(
        membership=Membership(people, claims, clock),
        signing_in=SigningIn(sign_ins, sessions, vault, clock),
        permissions=permissions,
        proving=proving,
        page_links=page_links,
        publishing=Publishing(people, publications, clock, log_origin(settings)),
        consenting=Consenting(consents, clock),
        follow_lists=FollowLists(FollowListStore(database), clock),
        leaving=Leaving(ExportStore(database), ErasureStore(database), clock, settings.domain),
        networks=networks,
        x=_x_sign_in(settings, http, clock),
        bluesky_client=bluesky_client,
        sign_in_limiter=RateLimiter("sign-ins", settings.rate_sign_ins_per_minute),
        wake_jobs=worker.wake,
        announce=announce,
    )
    return members, worker


def _bluesky(settings: Settings, http: GuardedClient, client: OAuthClient) -> BlueskySignIn:
    loopback = settings.allow_loopback
    sources = [dns_source(look_up_txt), well_known_source(http)]
    if settings.handle_resolver:
        sources.insert(0, service_source(http, settings.handle_resolver))
    dids = DidResolver(http, plc_url=settings.plc_url, allow_loopback=loopback)
    return BlueskySignIn(
        Identities(dids, HandleResolver(*sources)),
        Servers(http, allow_loopback=loopback),
        DpopRequests(http),
        client,
        allow_loopback=loopback,
    )


def _bluesky_client(settings: Settings) -> OAuthClient:
    """Published where the instance can be reached; else the client that Bluesky's servers know for trying out."""
    if not settings.is_https:
        return LoopbackClient()
    redirects = [settings.base_url + CALLBACKS[AccountNetwork.BLUESKY]]
    keys = ClientKeyFile(secret_folder(settings)).read_or_make()
    return PublishedClient(settings.base_url, settings.name, keys, redirects)


def _sources(settings: Settings) -> XSources:
    return XSources(
        syndication=settings.x_syndication or None,
        oembed_x=settings.x_oembed or None,
        oembed_twitter=settings.x_oembed_twitter or None,
        fxtwitter=settings.x_fxtwitter or None,
    )


def _shared_hosts(settings: Settings) -> frozenset[str]:
    """Those that jobs of all members ask."""
    urls = (
        settings.x_syndication,
        settings.x_oembed,
        settings.x_oembed_twitter,
        settings.x_fxtwitter,
        settings.plc_url,
        settings.handle_resolver,
    )
    return frozenset(urlsplit(url).netloc.lower() for url in urls if url)


def _x_sign_in(settings: Settings, http: GuardedClient, clock: Clock) -> XSignIn | None:
    if not settings.x_client_id:
        return None
    key = XKey(
        settings.x_client_id, settings.x_client_secret or None, settings.x_authorize_url, settings.x_api_url
    )
    return XSignIn(http, key, clock)
