"""Builds everything once, in order, and takes it down again."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deploy.migrate import migrate
from deploy.wiring.members import open_members
from directory.clock import Clock, SystemClock
from directory.jobs.gauges import JobGauges
from directory.jobs.worker import running_worker
from directory.services.batching import LookupBatcher
from directory.services.lookup import Lookup
from directory.services.statistics import StatisticsService
from directory.settings import Settings
from directory.store.database import Database
from directory.store.job_counts import JobCountStore
from directory.store.mappings import MappingStore
from directory.store.statistics import StatisticsStore
from federation.own_log.reader import LogService
from federation.store.log import LogStore
from web.services import Services


@asynccontextmanager
async def open_services(settings: Settings, dsn: str) -> AsyncIterator[Services]:
    """Migrates the database, and hands out the services over it until the block ends.

    Raises DirectoryUnavailable, SchemaTooNew.
    """
    await migrate(dsn)
    database = await Database.connect(dsn, max_connections=settings.database_connections)
    try:
        yield build_services(settings, database)
    finally:
        await database.close()


@asynccontextmanager
async def open_instance(settings: Settings, dsn: str) -> AsyncIterator[Services]:
    """The same with all that members need, and with their jobs running.

    Raises DirectoryUnavailable, SchemaTooNew, and VaultError where the keys of what is sealed are missing.
    """
    await migrate(dsn)
    database = await Database.connect(dsn, max_connections=settings.database_connections)
    try:
        services = build_services(settings, database)
        async with (
            open_members(settings, database, services.clock) as (members, worker),
            running_worker(worker, is_on=settings.jobs),
        ):
            gauges = JobGauges(JobCountStore(database), worker, services.clock)
            yield dataclasses.replace(services, members=members, jobs=gauges)
    finally:
        await database.close()


def build_services(settings: Settings, database: Database, clock: Clock | None = None) -> Services:
    """The services over an open, migrated database."""
    clock = clock or SystemClock()
    mappings = MappingStore(database)
    statistics = StatisticsStore(database)
    return Services(
        settings=settings,
        clock=clock,
        lookup=Lookup(mappings, clock),
        single_lookup=LookupBatcher(mappings, clock),
        statistics=StatisticsService(statistics, clock),
        health=statistics,
        log=LogService(LogStore(database), clock),
        large_matches=asyncio.Semaphore(settings.matches_at_once),
    )
