"""Several machines over one database, each with a data folder and processes of its own."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from deploy.ports import free_port
from directory.store.database import Connection
from tests.harness.command import Result, Started
from tests.harness.forking import Forks

PATIENCE_S = 90
"""For a process to start, on a busy machine."""


class Machine:
    """A machine; `name` is its folder below `folder`."""

    def __init__(self, folder: Path, name: str, dsn: str) -> None:
        self.data = folder / name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        place = folder / f"{name}-runs"
        place.mkdir()
        settings = {
            "data": str(self.data),
            "port": str(self.port),
            "database_url": dsn,
            "log_format": "json",
        }
        self.command = Forks(place, settings)

    @contextmanager
    def running(self, **settings: str) -> Iterator[Started]:
        """Runs the process for the block, from the moment that it reports to be up."""
        with self.command.started("serve", **settings) as started:
            started.wait_until_up()
            yield started

    def run_once(self, **settings: str) -> None:
        """Starts the process, and stops it as supervisors do."""
        with self.running(**settings) as started:
            started.process.terminate()
            assert started.wait() == 0, started.log.read_text()
        assert "Traceback" not in started.log.read_text()

    def refused(self, *arguments: str, **settings: str) -> str:
        """Returns the sentence with which a start (or another command) is refused."""
        shown: Result = self.command.run(*(arguments or ("serve",)), **settings)
        assert shown.code == 1, shown.err
        return shown.sentence

    def copy(self, other: "Machine", *folders: str) -> None:
        """Copies folders from another machine."""
        for name in folders:
            shutil.rmtree(self.data / name, ignore_errors=True)
            shutil.copytree(other.data / name, self.data / name)

    def holds(self) -> set[str]:
        """Returns what its data folder contains, and what the folders in it contain."""
        return (
            {str(path.relative_to(self.data)) for path in self.data.rglob("*")}
            if self.data.exists()
            else set()
        )


def fetch(dsn: str, sql: str, *values: object) -> list[asyncpg.Record]:
    """Reads from the database, past the processes."""

    async def run() -> list[asyncpg.Record]:
        connection: Connection = await asyncpg.connect(dsn)
        try:
            return list(await connection.fetch(sql, *values))
        finally:
            await connection.close()

    return asyncio.run(run())
