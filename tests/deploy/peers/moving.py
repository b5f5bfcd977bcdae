"""What is left at the former address of an instance that has moved."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from deploy.migrate import migrate
from directory.store.database import Database
from federation.keys.instance import KeyFolder
from federation.own_log.sequencer import Sequencer
from tests.deploy.peers.sites import PATIENCE_S, Site
from tests.harness.clock import FakeClock
from tests.harness.waiting import wait_until


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is that of the base class
        """Writes nothing."""


def begin_earlier(site: Site) -> None:
    """Begins the log of an instance that was never started as of two hours ago: two documents are an hour apart."""
    clock = FakeClock(datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2))
    keys = KeyFolder(site.data)

    async def run(dsn: str) -> None:
        await migrate(dsn)
        opened = await Database.connect(dsn, max_connections=1)
        try:
            async with opened.connection() as connection:
                assert await Sequencer(keys, site.origin, clock).run_once(connection)
        finally:
            await opened.close()

    with site.database() as database:
        keys.make(site.host)
        asyncio.run(run(database.dsn))


@contextmanager
def serving_files(folder: Path) -> Iterator[int]:
    """Serves a folder as plain files until the block ends. Yields the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def learns_of_move(site: Site, moved: Site) -> bool:
    """Waits until an instance shows its operator that a peer moves. Returns False where it does not in time."""

    def is_shown() -> bool:
        site.nudge()
        return f"moves to {moved.origin}" in " ".join(site.run("peers", "list").out.split())

    return wait_until(is_shown, PATIENCE_S)
