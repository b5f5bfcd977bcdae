"""The application for whoever runs a server of their own: pages and API, from the settings of the environment.

    uvicorn --factory deploy.asgi:application --loop deploy.asgi:guarded_loop \\
        --http deploy.servers.on_uvicorn:BoundedProtocol --no-proxy-headers --no-server-header --no-access-log
    granian --interface asgi --factory deploy.asgi:application
    hypercorn 'deploy.asgi:application()'

It serves the role `web` alone: `passerelle serve` with `PASSERELLE_ROLES=worker,sequencer` does the rest, once. Each process
of the server opens what it needs when it starts (ASGI's lifespan), and counts callers for itself. Access logs hold what was looked up:
Granian and Hypercorn write none unless told to.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Final

import structlog

from deploy.database import running_database
from deploy.edge.loop import GuardingLoop
from deploy.edge.open_files import new_loop
from deploy.settings_file import own_settings
from deploy.web_server import spare_the_collector, with_bounds
from deploy.wiring.identity import settle_start
from deploy.wiring.instance import migrated_database
from deploy.wiring.jobs import build_worker
from deploy.wiring.members import opened_members
from deploy.wiring.web import build_all_services
from directory.logs import configure_logs
from directory.settings import Role, Settings
from web.app import create_app

Message = dict[str, Any]
_WEB_ALONE: Final = {"roles": Role.WEB.value}

log = structlog.get_logger(__name__)


class NotStarted(Exception):
    """The server has not told the application that it starts: it has to speak ASGI's lifespan."""


class Application:
    """Opens its services when the server starts, and closes them when it ends."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._app: Any = None

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if self._app is None:
            raise NotStarted(NotStarted.__doc__)
        await self._app(scope, receive, send)

    async def _live(
        self, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        await receive()
        async with AsyncExitStack() as stack:
            try:
                self._app = await self._open(stack)
            except Exception as error:
                log.exception("the application cannot start")
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                raise
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _open(self, stack: AsyncExitStack) -> Any:
        settings = self._settings
        if not isinstance(asyncio.get_running_loop(), GuardingLoop):
            log.warning("no guard stands before this server: let a proxy bound what callers hold")
        dsn = stack.enter_context(running_database(settings))
        await settle_start(settings, dsn, None)
        database = await stack.enter_async_context(
            migrated_database(dsn, connections=settings.database_connections)
        )
        members = await stack.enter_async_context(opened_members(settings, dsn, database))
        app = with_bounds(create_app(build_all_services(members, build_worker(members))), settings)
        spare_the_collector()
        return app


def application() -> Application:
    """Makes the application from the settings of the environment. Raises InvalidSettings."""
    settings = own_settings(_WEB_ALONE)
    configure_logs(settings.log_format, settings.log_level)
    return Application(settings)


def guarded_loop() -> GuardingLoop:
    """Makes a loop whose listeners have the guard before them, for servers that let one choose theirs."""
    return new_loop(own_settings(_WEB_ALONE))
