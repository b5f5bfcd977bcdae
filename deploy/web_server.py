"""Serves the web application. Imported only where a process has the role `web`: the framework takes a second."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

from deploy.dated_config import DatedConfig
from deploy.edge.answered import AnsweredMiddleware
from deploy.edge.heads import MAX_HEAD_BYTES
from deploy.edge.loop import GuardingLoop
from deploy.metrics_server import serving_metrics
from deploy.wiring.members import MemberParts
from deploy.wiring.web import build_all_services
from directory.jobs.worker import Worker
from directory.settings import Settings
from web.app import create_app
from web.middleware.bodies import BodiesMiddleware
from web.middleware.leftovers import LeftoversMiddleware
from web.middleware.rate_limit import ClientKeys
from web.pages.uploads import max_form_bytes

GRACEFUL_S = 5.0
KEEP_ALIVE_S = 30.0
"""Between an answer and the next request. Proxies that keep connections have to let go before."""
BACKLOG = 4_096
"""Arrivals that wait for the process; the system may keep fewer (`net.core.somaxconn`)."""
QUEUED_PIECES = 2
"""Of 64 KiB each: of a body that nobody takes, no more is read."""


async def serve_web(members: MemberParts, worker: Worker, until: Callable[[], Awaitable[object]]) -> None:
    """Serves until `until` returns, then finishes what is under way. `worker` may run in this process, or not."""
    services = build_all_services(members, worker)
    app: Any = create_app(services)
    spare_the_collector()
    settings = members.ground.settings
    async with serving_metrics(settings, services):
        await serve_application(app, settings, until)


async def serve_application(
    application: Any, settings: Settings, until: Callable[[], Awaitable[object]]
) -> None:
    """Serves an application. On a guarding loop each connection passes the guard first."""

    async def ends() -> None:
        await until()
        loop = asyncio.get_running_loop()
        if isinstance(loop, GuardingLoop):
            loop.end_silent()

    shutdown: Any = ends
    await serve(with_bounds(application, settings), hypercorn_config(settings), shutdown_trigger=shutdown)


def with_bounds(application: Any, settings: Settings) -> Any:
    """Returns an application whose bodies are bounded, and never left to the server."""
    keys = ClientKeys(settings.trusted_proxies)
    bounded = LeftoversMiddleware(BodiesMiddleware(application, keys, max_form_bytes(settings)))
    return AnsweredMiddleware(bounded)


def spare_the_collector() -> None:
    """Excludes the objects of a started server, which all stay, from garbage collection.

    Otherwise each large answer makes the collector walk through every module and template again.
    """
    gc.collect()
    gc.freeze()


def hypercorn_config(settings: Settings) -> Config:
    """Limits what a caller may hold open. There is no access log: paths hold what was looked up."""
    config = DatedConfig()
    config.bind = [
        f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
    ]
    config.accesslog = None
    config.errorlog = "-"
    config.loglevel = "WARNING"
    config.graceful_timeout = GRACEFUL_S
    config.keep_alive_timeout = KEEP_ALIVE_S
    # None: it would run while an answer is made, and end the reading of a connection whose answer was slow. What is read
    # too slowly ends at the guard (heads) and in the application (bodies).
    config.read_timeout = None
    config.backlog = BACKLOG
    config.max_app_queue_size = QUEUED_PIECES
    config.h11_max_incomplete_size = MAX_HEAD_BYTES
    config.include_server_header = False
    return config
