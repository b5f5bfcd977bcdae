"""Serves pages and API in a web process, over what its parent handed it."""

import asyncio
import dataclasses
import signal
import socket
from functools import partial

import structlog

from deploy.edge.open_files import new_loop
from deploy.web_server import Listening, serve_services
from deploy.wiring.common import Common
from deploy.wiring.jobs import build_worker
from deploy.wiring.members import MemberParts, opened_members
from deploy.wiring.web import build_all_services
from deploy.workers.control import Control, Said
from deploy.workers.handoff import Handoff
from deploy.workers.telling import counts_told
from directory.courtesy import tell_waiting
from directory.logs import configure_logs
from directory.networks.http import GuardedClient, user_agent
from directory.networks.places import Room
from directory.settings import Settings
from directory.shared_counts import open_shared_counts
from directory.shared_waiting import WaitingHere
from directory.store.database import Database
from web.middleware.counting import Counted, Counting
from web.services import Services


def run(handoff: Handoff) -> None:
    """Serves until SIGTERM, then finishes what is under way. Raises DirectoryUnavailable, VaultError."""
    settings = handoff.settings
    configure_logs(settings.log_format, settings.log_level)
    structlog.contextvars.bind_contextvars(web_process=handoff.number)
    with asyncio.Runner(loop_factory=partial(new_loop, settings)) as runner:
        runner.run(_serve(handoff))


async def _serve(handoff: Handoff) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    control = Control(*await asyncio.open_connection(sock=socket.socket(fileno=handoff.control)))
    settings = handoff.settings
    board = WaitingHere(handoff.waiting, settings.workers, handoff.number)
    tell_waiting(board.tell)
    database = await Database.connect(
        handoff.dsn, max_connections=settings.database_connections, processes=settings.processes
    )
    try:
        async with (
            opened_members(settings, handoff.dsn, database, _client(settings)) as members,
        ):
            listening = Listening(handoff.listener, lambda: control.say(Said.UP), board)
            services = _services(members, control, _common(handoff))
            async with counts_told(control, services.replicas):
                await serve_services(services, stopping.wait, listening)
    finally:
        control.close()
        await database.close()


def _client(settings: Settings) -> GuardedClient:
    """Makes the client for other servers, with this process's part of the places for requests."""
    return GuardedClient(
        user_agent(settings.base_url),
        allow_loopback=settings.allow_loopback,
        room=Room().shared_out(settings.workers),
    )


def _common(handoff: Handoff) -> Common:
    """Opens what all web processes share."""
    shared = open_shared_counts(handoff.counts, len(Counted))
    return Common(handoff.texts, Counting(handoff.settings.workers, handoff.secret, shared))


def _services(members: MemberParts, control: Control, common: Common) -> Services:
    """Builds the services. Jobs run in the parent, which tells their gauges and is told when something is due."""
    services = build_all_services(members, build_worker(members), common=common)
    if services.members is None:
        return services
    waking = dataclasses.replace(services.members, wake_jobs=lambda: control.say(Said.WAKE))
    return dataclasses.replace(services, members=waking, jobs=None)
