"""Runs the web server until it is told to stop."""

import asyncio
import gc
import signal
import socket
from typing import Any

import structlog
import uvloop
from hypercorn.asyncio import serve as serve_hypercorn
from hypercorn.config import Config

from deploy.wiring.instance import open_instance
from deploy.wiring.log import running_sequencer
from directory.settings import Settings
from web.app import create_app

log = structlog.get_logger(__name__)

GRACEFUL_S = 5.0
MAX_HEADER_BYTES = 16_384
KEEP_ALIVE_S = 30.0
READ_TIMEOUT_S = 60


class PortInUse(Exception):
    """Another program listens on the address already."""


def run_server(settings: Settings, dsn: str) -> None:
    """Serves until SIGINT or SIGTERM, then finishes what is under way.

    Raises PortInUse, DirectoryUnavailable, SchemaTooNew.
    """
    check_port_free(settings.host, settings.port)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_serve(settings, dsn))


def new_loop() -> asyncio.AbstractEventLoop:
    """The event loop that servers run on."""
    return uvloop.new_event_loop()


def check_port_free(host: str, port: int) -> None:
    """Asks before anything is started, so that nothing is left half up. Raises PortInUse."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortInUse(f"{host}:{port}") from error


def spare_the_collector() -> None:
    """Puts what a started server holds, all of which stays, out of the garbage collector's rounds.

    Else each large answer makes it walk through every module and template again.
    """
    gc.collect()
    gc.freeze()


def free_port() -> int:
    """A local port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _serve(settings: Settings, dsn: str) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with open_instance(settings, dsn) as services, running_sequencer(settings, dsn):
        app: Any = create_app(services)
        log.info("serving", url=settings.base_url)
        spare_the_collector()
        await serve_hypercorn(app, hypercorn_config(settings), shutdown_trigger=stopping.wait)
    log.info("stopped")


def hypercorn_config(settings: Settings) -> Config:
    """Limits on what a caller may hold open, and no access log: paths hold what was looked up."""
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
