"""Runs an instance, in the roles of the settings, until it is told to stop."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import structlog

from deploy.edge.open_files import new_loop
from deploy.loading import nothing_collected
from deploy.ports import check_port_free
from deploy.wiring.instance import migrated_database, open_reads
from deploy.wiring.jobs import build_worker
from deploy.wiring.log import running_sequencer
from deploy.wiring.members import MemberParts, open_members
from directory.clock import SystemClock
from directory.jobs.worker import Worker, running_worker
from directory.services.live_settings import kept_fresh
from directory.settings import Role, Settings

log = structlog.get_logger(__name__)


def run_instance(settings: Settings, dsn: str) -> None:
    """Runs until SIGINT or SIGTERM, then finishes what is under way.

    Raises PortInUse, DirectoryUnavailable, SchemaTooNew, VaultError.
    """
    if Role.WEB in settings.roles:
        check_port_free(settings.host, settings.port)
    with asyncio.Runner(loop_factory=partial(new_loop, settings)) as runner:
        runner.run(_run(settings, dsn))


async def _run(settings: Settings, dsn: str) -> None:
    stopping = _stopped_by_signals()
    async with AsyncExitStack() as stack:
        parts = None
        if settings.roles & {Role.WEB, Role.WORKER}:
            parts = await stack.enter_async_context(_for_members(settings, dsn))
        if Role.SEQUENCER in settings.roles:
            await stack.enter_async_context(running_sequencer(settings, dsn))
        log.info("up", roles=sorted(settings.roles))
        if parts is not None and Role.WEB in settings.roles:
            await _serve_web(settings, *parts, stopping)
        else:
            await stopping.wait()
    log.info("stopped")


async def _serve_web(
    settings: Settings, members: MemberParts, worker: Worker, stopping: asyncio.Event
) -> None:
    with nothing_collected():
        from deploy.web_server import serve_web  # noqa: PLC0415 - loads the web framework: only this role pays

    log.info("serving", url=settings.base_url)
    await serve_web(members, worker, until=stopping.wait)


@asynccontextmanager
async def _for_members(settings: Settings, dsn: str) -> AsyncIterator[tuple[MemberParts, Worker]]:
    """Opens the services of members and the worker over them; the worker runs where this process has that role."""
    async with (
        migrated_database(dsn, connections=settings.database_connections) as database,
        open_reads(settings, dsn, database) as reads,
        open_members(settings, database, SystemClock(), reads=reads) as members,
        kept_fresh(members.ground.instance),
    ):
        worker = build_worker(members)
        async with running_worker(worker, is_on=Role.WORKER in settings.roles):
            yield members, worker


def _stopped_by_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    return stopping
