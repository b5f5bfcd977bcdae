"""Hands the services to the web. No command imports this: the web framework takes a second to load."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from deploy.wiring.instance import build_lookup
from deploy.wiring.members import MemberParts
from directory.clock import Clock
from directory.jobs.gauges import JobGauges
from directory.services.batching import LookupBatcher
from directory.services.statistics import StatisticsService
from directory.settings import Settings
from directory.store.database import Database
from directory.store.mappings import MappingStore
from directory.store.statistics import StatisticsStore
from federation.own_log.reader import LogService
from federation.store.log import LogStore
from web.member_services import MemberServices
from web.middleware.rate_limit import RateLimiter
from web.services import Services


async def _leave_to_sequencer() -> None:
    """The sequencer looks for what is pending each second."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Whom the web tells that something was done."""

    wake_jobs: Callable[[], None]
    announce: Callable[[], Awaitable[object]] = _leave_to_sequencer


def build_services(
    settings: Settings,
    database: Database,
    clock: Clock,
    members: MemberServices | None = None,
    jobs: JobGauges | None = None,
) -> Services:
    """What pages and the API work with, over an open, migrated database."""
    statistics = StatisticsStore(database)
    return Services(
        settings=settings,
        clock=clock,
        lookup=build_lookup(database, clock),
        single_lookup=LookupBatcher(MappingStore(database), clock),
        statistics=StatisticsService(statistics, clock),
        health=statistics,
        log=LogService(LogStore(database), clock),
        large_matches=asyncio.Semaphore(settings.matches_at_once),
        members=members,
        jobs=jobs,
    )


def build_member_services(settings: Settings, members: MemberParts, hooks: Hooks) -> MemberServices:
    """What the pages of members work with."""
    return MemberServices(
        membership=members.membership,
        signing_in=members.signing_in,
        permissions=members.permissions,
        proving=members.proving,
        linking=members.linking,
        publishing=members.publishing,
        consenting=members.consenting,
        follow_lists=members.follow_lists,
        leaving=members.leaving,
        networks=members.networks.sign_in,
        x=members.networks.x,
        bluesky_client=members.networks.bluesky_client,
        sign_in_limiter=RateLimiter("sign-ins", settings.rate_sign_ins_per_minute),
        wake_jobs=hooks.wake_jobs,
        announce=hooks.announce,
    )
