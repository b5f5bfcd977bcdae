"""Runs the server to measure: the real application in a process of its own, with an empty handler added."""

import asyncio
import sys
from functools import partial
from typing import Final

from litestar import get
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from deploy.bench.holding import hold_route
from deploy.bench.measured import BARE_PATH, EMPTY_PATH, READY
from deploy.edge.open_files import new_loop
from deploy.web_server import serve_application, spare_the_collector
from deploy.wiring.databases import Databases
from deploy.wiring.ground import load_live_settings
from deploy.wiring.instance import migrated_database
from deploy.wiring.web import build_services
from directory.clock import SystemClock
from directory.settings import Settings
from web.app import create_app

_BARE_HEADERS: Final = [(b"content-type", b"application/json"), (b"content-length", b"2")]


@get(EMPTY_PATH)
async def empty() -> dict[str, str]:
    """The reference: an empty JSON object, behind everything that runs before each handler."""
    return {}


def with_bare_answer(app: ASGIApp) -> ASGIApp:
    """Answers one path with next to nothing, and all others by the application."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["path"] != BARE_PATH:
            await app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": _BARE_HEADERS})
        await send({"type": "http.response.body", "body": b"{}", "more_body": False})

    return answer


def main(dsn: str, port: str) -> None:
    """Serves until standard input ends."""
    settings = Settings(
        port=int(port), rate_lookups_per_minute=0, rate_pages_per_minute=0, rate_pairs_per_minute=0
    )
    with asyncio.Runner(loop_factory=partial(new_loop, settings)) as runner:
        runner.run(_serve(settings, dsn))


async def _serve(settings: Settings, dsn: str) -> None:
    async with migrated_database(dsn, connections=settings.database_connections) as database:
        services = build_services(
            settings, Databases(database), SystemClock(), await load_live_settings(database)
        )
        stdin_ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        sys.stdout.write(READY + "\n")
        sys.stdout.flush()

        async def until_stdin_ends() -> None:
            await stdin_ended

        app = with_bare_answer(create_app(services, [empty, hold_route()]))
        spare_the_collector()
        await serve_application(app, settings, until_stdin_ends)


if __name__ == "__main__":
    main(*sys.argv[1:])
