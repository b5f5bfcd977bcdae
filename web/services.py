"""What the pages and the API work with, built once in `deploy.services` and handed in."""

import asyncio
from dataclasses import dataclass

from directory.batching import LookupBatcher
from directory.clock import Clock
from directory.lookup import Lookup
from directory.settings import Settings
from directory.statistics import StatisticsService
from directory.store.statistics import StatisticsStore
from federation.log_service import LogService
from web.member_services import MemberServices


@dataclass(frozen=True, slots=True)
class Services:
    """Shared by all requests of a process."""

    settings: Settings
    clock: Clock
    lookup: Lookup
    single_lookup: LookupBatcher
    statistics: StatisticsService
    health: StatisticsStore
    log: LogService
    large_matches: asyncio.Semaphore
    """Large lists that are matched at the same time, so that memory stays bounded."""
    members: MemberServices | None = None
    """None in a process that only answers questions: it has no pages of members."""
