"""Serves `/metrics` at an address of its own, which no proxy needs to keep from strangers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import structlog
from hypercorn.asyncio import serve
from hypercorn.config import Config

from deploy.edge.answered import AnsweredMiddleware
from deploy.ports import CannotListen, PortInUse, check_port_free
from directory.settings import Settings
from web.api.metrics import create_metrics_app, metrics_text, own_families
from web.services import Services

log = structlog.get_logger(__name__)


def serving_metrics(settings: Settings, services: Services) -> AbstractAsyncContextManager[None]:
    """Serves the metrics of this process until the block ends."""

    async def text() -> bytes:
        return await metrics_text(services.jobs, own_families(services.replicas))

    return serving_text(settings, text)


@asynccontextmanager
async def serving_text(settings: Settings, text: Callable[[], Awaitable[bytes]]) -> AsyncIterator[None]:
    """Serves the metrics until the block ends. A taken port is told, and keeps nobody from looking people up."""
    if not settings.metrics or not _is_free(*settings.metrics_at):
        yield
        return
    app: Any = AnsweredMiddleware(create_metrics_app(text))
    stopping = asyncio.Event()
    serving = asyncio.create_task(
        serve(app, _config(*settings.metrics_at), shutdown_trigger=stopping.wait), name="metrics"
    )
    serving.add_done_callback(_tell_failure)
    try:
        yield
    finally:
        stopping.set()
        await asyncio.gather(serving, return_exceptions=True)


def _is_free(host: str, port: int) -> bool:
    try:
        check_port_free(host, port)
    except PortInUse as error:
        log.warning("metrics are not served: another program listens there", address=str(error))
        return False
    except CannotListen as error:
        log.warning("metrics are not served: this machine cannot listen there", address=str(error))
        return False
    return True


def _tell_failure(serving: "asyncio.Task[None]") -> None:
    error = None if serving.cancelled() else serving.exception()
    if isinstance(error, OSError):  # somebody took the address since it was looked at
        log.warning("metrics are not served: this machine cannot listen there", address=str(error))
    elif error is not None:
        log.error("metrics are not served any more", exc_info=error)


def _config(host: str, port: int) -> Config:
    config = Config()
    config.bind = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
    config.accesslog = None
    config.errorlog = "-"
    config.loglevel = "WARNING"
    config.graceful_timeout = 0.2
    config.include_server_header = False
    config.alpn_protocols = ["http/1.1"]
    return config
