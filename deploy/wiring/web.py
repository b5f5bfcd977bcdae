"""Builds the services of the web. No command imports this: the web framework takes a second to load."""

import dataclasses
from collections.abc import Awaitable, Callable

from deploy.wiring.follow_pages import build_follow_services
from deploy.wiring.instance import build_lookup
from deploy.wiring.jobs import build_gauges
from deploy.wiring.log import key_folder
from deploy.wiring.members import MemberParts
from deploy.wiring.peers import build_peer_services
from directory.clock import Clock
from directory.jobs.worker import Worker
from directory.networks.mastodon.owners import PageOwners
from directory.operator_texts import read_operator_texts
from directory.services.batching import LookupBatcher
from directory.services.live_settings import LiveSettings
from directory.services.reversing import Reversing
from directory.services.statistics import StatisticsService
from directory.services.written_lists import WrittenLists
from directory.settings import Settings
from directory.store.database import Database
from directory.store.mappings import MappingStore
from directory.store.statistics import StatisticsStore
from directory.store.written_mappings import WrittenMappingStore
from federation.keys.instance import log_origin
from federation.keys.witness_keys import WitnessKeys
from federation.own_log.reader import LogService
from federation.peers.heard import HeardPeers
from federation.store.log import LogStore
from federation.store.peer_listing import PeerListing
from federation.witness.cosigning import Witness
from web.list_places import ListPlaces
from web.member_services import MemberServices
from web.middleware.rate_limit import RateLimiter
from web.services import Services


async def _leave_to_sequencer() -> None:
    """Announces nothing: the sequencer looks for what is pending each second."""


Announce = Callable[[], Awaitable[object]]


def build_services(settings: Settings, database: Database, clock: Clock, instance: LiveSettings) -> Services:
    """Builds the services of pages and API, over an open, migrated database. Raises InvalidSettings."""
    statistics = StatisticsStore(database)
    counting = StatisticsService(statistics, clock)
    lookup = build_lookup(settings, database, clock)
    return Services(
        settings=settings,
        instance=instance,
        clock=clock,
        lookup=lookup,
        lists=_build_lists(settings, database, clock),
        reversing=Reversing(lookup),
        single_lookup=LookupBatcher(MappingStore(database), clock, log_origin(settings)),
        statistics=counting,
        health=statistics,
        log=LogService(LogStore(database), clock, WitnessKeys(database, clock)),
        witness=Witness(database, key_folder(settings), clock),
        heard=HeardPeers(PeerListing(database), counting, clock),
        texts=read_operator_texts(settings),
        large_matches=ListPlaces(settings.matches_at_once),
    )


def _build_lists(settings: Settings, database: Database, clock: Clock) -> WrittenLists:
    own = log_origin(settings)
    return WrittenLists(WrittenMappingStore(database, own), MappingStore(database), clock, own)


def build_all_services(
    members: MemberParts, worker: Worker, announce: Announce = _leave_to_sequencer
) -> Services:
    """Builds all services, with those of the pages of members.

    `worker` may run in this process, or not; `announce` is for callers that run no sequencer.
    """
    ground = members.ground
    services = build_services(ground.settings, ground.database, ground.clock, ground.instance)
    return dataclasses.replace(
        services,
        reversing=Reversing(services.lookup, PageOwners(members.networks.http)),
        peers=build_peer_services(ground.settings, ground.database, ground.clock, members.networks.http),
        members=build_member_services(members, worker, announce),
        jobs=build_gauges(members, worker),
    )


def build_member_services(members: MemberParts, worker: Worker, announce: Announce) -> MemberServices:
    """Builds the services of the pages of members."""
    return MemberServices(
        membership=members.membership,
        signing_in=members.signing_in,
        permissions=members.permissions,
        proving=members.proving,
        page_links=members.page_links,
        publishing=members.publishing,
        consenting=members.consenting,
        follow_lists=members.follow_lists,
        messages=members.messages,
        leaving=members.leaving,
        networks=members.networks.sign_in,
        x=members.networks.x,
        bluesky_client=members.networks.bluesky_client,
        sign_in_limiter=RateLimiter("sign-ins", members.ground.settings.rate_sign_ins_per_minute),
        wake_jobs=worker.wake,
        announce=announce,
        follows=build_follow_services(members),
    )
