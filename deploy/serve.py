"""Runs an instance, in the roles of the settings, until it is told to stop."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import structlog

from deploy.edge.open_files import new_loop
from deploy.loading import nothing_collected
from deploy.ports import check_port_free, listen_on
from deploy.servers.choosing import is_guarded
from deploy.wiring.instance import migrated_database
from deploy.wiring.jobs import build_worker
from deploy.wiring.log import running_sequencer
from deploy.wiring.members import MemberParts, opened_members
from deploy.workers.supervisor import Supervisor, running_web
from directory.jobs.worker import Worker, running_worker
from directory.settings import Role, Settings

log = structlog.get_logger(__name__)


def run_instance(settings: Settings, dsn: str) -> None:
    """Runs until SIGINT or SIGTERM, then finishes what is under way.

    Raises PortInUse, DirectoryUnavailable, SchemaTooNew, VaultError, WebProcessFailed.
    """
    with asyncio.Runner(loop_factory=partial(new_loop, settings)) as runner:
        if Role.WEB in settings.roles and settings.workers > 1:
            with listen_on(settings.host, settings.port) as listener:
                runner.run(_run(settings, dsn, listener))
            return
        if Role.WEB in settings.roles:
            check_port_free(settings.host, settings.port)
        runner.run(_run(settings, dsn))


async def _run(settings: Settings, dsn: str, listener: socket.socket | None = None) -> None:
    stopping = _stopped_by_signals()
    async with AsyncExitStack() as stack:
        parts = None
        if settings.roles & {Role.WEB, Role.WORKER}:
            parts = await stack.enter_async_context(_for_members(settings, dsn))
        if Role.SEQUENCER in settings.roles:
            await stack.enter_async_context(running_sequencer(settings, dsn))
        log.info("up", roles=sorted(settings.roles))
        if Role.WEB in settings.roles and not is_guarded(settings):
            log.warning(
                "no guard stands before this server: let a proxy bound what callers hold",
                server=settings.server,
            )
        if parts is None or Role.WEB not in settings.roles:
            await stopping.wait()
        elif listener is None:
            await _serve_web(settings, *parts, stopping)
        else:
            await _serve_several(*parts, dsn, listener, stopping)
    log.info("stopped")


async def _serve_web(
    settings: Settings, members: MemberParts, worker: Worker, stopping: asyncio.Event
) -> None:
    with nothing_collected():
        from deploy.web_server import serve_web  # noqa: PLC0415 - loads the web framework: only this role pays

    log.info("serving", url=settings.base_url)
    await serve_web(members, worker, until=stopping.wait)


async def _serve_several(
    members: MemberParts, worker: Worker, dsn: str, listener: socket.socket, stopping: asyncio.Event
) -> None:
    """Has children serve. Raises WebProcessFailed where one cannot start."""
    with nothing_collected():
        from deploy.workers.metrics import serving_summed  # noqa: PLC0415 - loads the web framework: only this role pays

    settings = members.ground.settings
    supervisor = Supervisor(settings, dsn, listener, worker.wake)
    async with running_web(supervisor) as running, serving_summed(supervisor, members, worker):
        await _any_of(running, supervisor.up.wait(), stopping.wait())
        if supervisor.up.is_set():
            log.info("serving", url=settings.base_url, processes=settings.workers)
        await _any_of(running, stopping.wait())
        if running.done() and not stopping.is_set():
            await running


async def _any_of(running: "asyncio.Task[None]", *others: Coroutine[Any, Any, object]) -> None:
    """Waits for the first of them; the task goes on, the others do not."""
    waits = {asyncio.create_task(each) for each in others}
    await asyncio.wait({running, *waits}, return_when=asyncio.FIRST_COMPLETED)
    for each in waits:
        each.cancel()


@asynccontextmanager
async def _for_members(settings: Settings, dsn: str) -> AsyncIterator[tuple[MemberParts, Worker]]:
    """Opens the services of members and the worker over them; the worker runs where this process has that role."""
    async with (
        migrated_database(
            dsn, connections=settings.database_connections, processes=settings.processes
        ) as database,
        opened_members(settings, dsn, database) as members,
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
