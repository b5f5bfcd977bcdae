"""Builds the services of the web. No command imports this: the web framework takes a second to load."""

import dataclasses
from collections.abc import Awaitable, Callable

from deploy.wiring.common import Common
from deploy.wiring.databases import Databases
from deploy.wiring.follow_pages import build_follow_services
from deploy.wiring.instance import build_lookup
from deploy.wiring.jobs import build_gauges
from deploy.wiring.log import key_folder
from deploy.wiring.members import MemberParts
from deploy.wiring.peers import build_peer_services
from directory.clock import Clock
from directory.jobs.worker import Worker
from directory.networks.mastodon.owners import PageOwners
from directory.services.batching import LookupBatcher
from directory.services.live_settings import LiveSettings
from directory.services.reversing import Reversing
from directory.services.statistics import StatisticsService
from directory.services.written_lists import WrittenLists
from directory.settings import Settings
from directory.store.mappings import MappingStore
from directory.store.reading import Readable
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
from web.middleware.counting import Counted, Counting
from web.services import Services
from web.unsent import room_for_answers


async def _leave_to_sequencer() -> None:
    """Announces nothing: the sequencer looks for what is pending each second."""


Announce = Callable[[], Awaitable[object]]


def build_services(
    settings: Settings,
    databases: Databases,
    clock: Clock,
    instance: LiveSettings,
    common: Common | None = None,
) -> Services:
    """Builds the services of pages and API, over open, migrated databases. Raises InvalidSettings."""
    database = databases.primary
    shared = common or Common.alone(settings)
    statistics = StatisticsStore(database)
    statistics_service = StatisticsService(statistics, clock)
    lookup = build_lookup(settings, databases.answering, clock)
    return Services(
        settings=settings,
        instance=instance,
        clock=clock,
        lookup=lookup,
        lists=_build_lists(settings, databases.answering, clock),
        reversing=Reversing(lookup),
        single_lookup=LookupBatcher(MappingStore(databases.answering), clock, log_origin(settings)),
        statistics=statistics_service,
        health=statistics,
        log=LogService(LogStore(database), clock, WitnessKeys(database, clock)),
        witness=Witness(database, key_folder(settings), clock),
        replicas=databases.replicas,
        heard=HeardPeers(PeerListing(database), statistics_service, clock),
        texts=shared.texts,
        large_matches=ListPlaces(shared.counting.share_of(settings.matches_at_once)),
        held_answers=room_for_answers(shared.counting.processes),
        counting=shared.counting,
    )


def _build_lists(settings: Settings, database: Readable, clock: Clock) -> WrittenLists:
    own = log_origin(settings)
    return WrittenLists(WrittenMappingStore(database, own), MappingStore(database), clock, own)


def build_all_services(
    members: MemberParts,
    worker: Worker,
    announce: Announce = _leave_to_sequencer,
    common: Common | None = None,
) -> Services:
    """Builds all services, with those of the pages of members.

    `worker` may run in this process, or not; `announce` is for callers that run no sequencer; `common` for a process that
    is one of several.
    """
    ground = members.ground
    services = build_services(ground.settings, ground.databases, ground.clock, ground.instance, common)
    return dataclasses.replace(
        services,
        reversing=Reversing(services.lookup, PageOwners(members.networks.http)),
        peers=build_peer_services(
            ground.settings,
            ground.database,
            ground.clock,
            members.networks.http,
            services.counting.peers(),
        ),
        members=build_member_services(members, worker, announce, services.counting),
        jobs=build_gauges(members, worker),
    )


def build_member_services(
    members: MemberParts, worker: Worker, announce: Announce, counting: Counting
) -> MemberServices:
    """Builds the services of the pages of members."""
    sign_ins = counting.limiter(Counted.SIGN_INS, members.ground.settings.rate_sign_ins_per_minute)
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
        sign_in_limiter=sign_ins,
        wake_jobs=worker.wake,
        announce=announce,
        follows=build_follow_services(members),
    )
