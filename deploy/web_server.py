"""Serves the web application. Imported only where a process has the role `web`: the framework takes a second."""

import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from deploy.edge.answered import AnsweredMiddleware
from deploy.edge.loop import GuardingLoop
from deploy.large_blocks import return_large_blocks, return_unused
from deploy.metrics_server import serving_metrics
from deploy.ports import listen_on
from deploy.servers.bounds import ENDS_ALL_AFTER_S
from deploy.servers.choosing import load_server
from deploy.wiring.members import MemberParts
from deploy.wiring.web import build_all_services
from directory.jobs.worker import Worker
from directory.settings import Settings
from directory.shared_waiting import WaitingHere
from web.app import create_app
from web.middleware.bodies import BodiesMiddleware
from web.middleware.leftovers import LeftoversMiddleware
from web.middleware.rate_limit import ClientKeys
from web.pages.uploads import max_form_bytes
from web.services import Services


@dataclass(frozen=True, slots=True)
class Listening:
    """A socket of the parent that this process listens on beside others, what is called once it does, and where it tells the
    others how many connections it has."""

    socket: int
    up: Callable[[], None]
    board: WaitingHere


async def serve_web(members: MemberParts, worker: Worker, until: Callable[[], Awaitable[object]]) -> None:
    """Serves until `until` returns, then finishes what is under way. `worker` may run in this process, or not."""
    services = build_all_services(members, worker)
    async with serving_metrics(services.settings, services):
        await serve_services(services, until)


async def serve_services(
    services: Services, until: Callable[[], Awaitable[object]], listening: Listening | None = None
) -> None:
    """Serves the application over these services, without metrics."""
    app: Any = create_app(services)
    spare_the_collector()
    await serve_application(app, services.settings, until, listening)


async def serve_application(
    application: Any,
    settings: Settings,
    until: Callable[[], Awaitable[object]],
    listening: Listening | None = None,
) -> None:
    """Serves an application. On a guarding loop each connection passes the guard first, unless the server reads by itself."""

    async def ends() -> None:
        # The server asks for the end once it listens.
        if listening is not None:
            listening.up()
        await until()
        if isinstance(loop, GuardingLoop):
            loop.end_silent()
            loop.end_all_after(ENDS_ALL_AFTER_S)

    return_large_blocks()
    loop = asyncio.get_running_loop()
    if listening is not None and isinstance(loop, GuardingLoop):
        loop.share_arrivals(listening.board)
    server = load_server(settings)
    listener = (
        listen_on(settings.host, settings.port)
        if listening is None
        else socket.socket(fileno=listening.socket)
    )
    await server.serve(with_bounds(application, settings), listener, ends)


def with_bounds(application: Any, settings: Settings) -> Any:
    """Returns an application whose bodies are bounded, and never left to the server."""
    keys = ClientKeys(settings.trusted_proxies)
    bodies = BodiesMiddleware(application, keys, max_form_bytes(settings), settings.workers)
    bounded = LeftoversMiddleware(bodies)
    return AnsweredMiddleware(bounded)


def spare_the_collector() -> None:
    """Excludes the objects of a started server, which all stay, from garbage collection.

    Otherwise each large answer makes the collector walk through every module and template again. What was excluded while it
    was loaded is looked through once: 3 MB of that are garbage, which libraries made as they were imported.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    return_unused()
