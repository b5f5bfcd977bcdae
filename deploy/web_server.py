"""Serves the web application. Imported only where a process has the role `web`: the framework takes a second."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop
from hypercorn.asyncio import serve
from hypercorn.config import Config

from deploy.metrics_server import serving_metrics
from deploy.wiring.members import MemberParts
from deploy.wiring.web import build_all_services
from directory.jobs.worker import Worker
from directory.settings import Settings
from web.app import create_app

GRACEFUL_S = 5.0
MAX_HEADER_BYTES = 16_384
KEEP_ALIVE_S = 30.0
READ_TIMEOUT_S = 60


async def serve_web(members: MemberParts, worker: Worker, until: Callable[[], Awaitable[object]]) -> None:
    """Serves until `until` returns, then finishes what is under way. `worker` may run in this process, or not."""
    services = build_all_services(members, worker)
    app: Any = create_app(services)
    spare_the_collector()
    shutdown: Any = until
    settings = members.ground.settings
    async with serving_metrics(settings, services):
        await serve(app, hypercorn_config(settings), shutdown_trigger=shutdown)


def new_loop() -> asyncio.AbstractEventLoop:
    """Returns the event loop that servers run on."""
    return uvloop.new_event_loop()


def spare_the_collector() -> None:
    """Excludes the objects of a started server, which all stay, from garbage collection.

    Otherwise each large answer makes the collector walk through every module and template again.
    """
    gc.collect()
    gc.freeze()


def hypercorn_config(settings: Settings) -> Config:
    """Limits what a caller may hold open. There is no access log: paths hold what was looked up."""
    config = Config()
    config.bind = [
        f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
    ]
    config.accesslog = None
    config.errorlog = "-"
    config.loglevel = "WARNING"
    config.graceful_timeout = GRACEFUL_S
    config.keep_alive_timeout = KEEP_ALIVE_S
    config.read_timeout = READ_TIMEOUT_S
    config.h11_max_incomplete_size = MAX_HEADER_BYTES
    config.include_server_header = False
    return config
