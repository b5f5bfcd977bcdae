"""Runs one web process to measure: the real application on an inherited socket, beside others or alone."""

import asyncio
import sys
from functools import partial

from deploy.edge.open_files import new_loop
from deploy.web_server import Listening, serve_services
from deploy.wiring.databases import Databases
from deploy.wiring.ground import load_live_settings
from deploy.wiring.web import build_services
from directory.clock import SystemClock
from directory.settings import Server, Settings
from directory.shared_waiting import WaitingHere
from directory.store.database import Database

READY = "ready"


def main(dsn: str, server: str, workers: str, *files: str) -> None:
    """Serves until standard input ends. `files` are the listening socket, the board of the processes, and which of them it is."""
    settings = Settings(
        workers=int(workers),
        server=Server(server),
        rate_lookups_per_minute=0,
        rate_pages_per_minute=0,
        rate_pairs_per_minute=0,
    )
    with asyncio.Runner(loop_factory=partial(new_loop, settings)) as runner:
        runner.run(_serve(settings, dsn, *map(int, files)))


async def _serve(settings: Settings, dsn: str, listener: int, waiting: int, number: int) -> None:
    board = WaitingHere(waiting, settings.workers, number)
    database = await Database.connect(dsn, max_connections=settings.database_connections)
    try:
        services = build_services(
            settings, Databases(database), SystemClock(), await load_live_settings(database)
        )
        stdin_ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))

        async def until_stdin_ends() -> None:
            await stdin_ended

        await serve_services(services, until_stdin_ends, Listening(listener, _say_ready, board))
    finally:
        await database.close()


def _say_ready() -> None:
    sys.stdout.write(READY + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
