"""Makes the log that is read in the bench of syncing: people that the real sequencer has published, with its keys beside them."""

import tempfile
from pathlib import Path
from typing import Final

import asyncpg

from deploy.bench.databases import copied_database, kept_database
from deploy.pending import PEOPLE_A_MAPPING, add_pending
from deploy.trial.instances import TrialInstance
from directory.clock import SystemClock
from directory.store.database import Database
from federation.keys.instance import KeyFolder, log_origin
from federation.own_log.draining import drain
from federation.own_log.sequencer import Sequencer

NAME: Final = "served"
STEP: Final = 50_000
"""People that wait for the log at a time."""
_FILES: Final = "CREATE TABLE bench_file (path text PRIMARY KEY, content bytea NOT NULL)"


async def served_database(admin_dsn: str, people: int) -> str:
    """Makes a database with a log of `people` people, kept for the next run, and a copy of it for this one. Returns the
    address of the copy."""

    async def fill(dsn: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "data"
            await _publish(dsn, data, people)
            await _keep_files(dsn, data)

    kept = f"passerelle_bench_served_{people}"
    await kept_database(admin_dsn, kept, fill)
    return await copied_database(admin_dsn, kept, f"{kept}_copy")


async def restore_files(dsn: str, data: Path) -> None:
    """Writes the keys of a served log into the data folder of the instance that serves it."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT path, content FROM bench_file")
    finally:
        await connection.close()
    for row in rows:
        path = data / row["path"]
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(row["content"])


async def _publish(dsn: str, data: Path, people: int) -> None:
    origin, clock = log_origin(TrialInstance(NAME, data, 1).settings), SystemClock()
    keys = KeyFolder(data)
    keys.make(f"{NAME}.localhost")
    database = await Database.connect(dsn, max_connections=3)
    try:
        for first in range(0, people, STEP):
            now = clock.now().replace(microsecond=0)
            count = min(STEP, people - first)
            await add_pending(database, count, origin, now, first=first * PEOPLE_A_MAPPING)
            await drain(database, Sequencer(keys, origin, clock), clock, lambda _: None)
        async with database.connection() as connection:
            await connection.execute("VACUUM (ANALYZE)", timeout=None)
    finally:
        await database.close()


def _read_files(data: Path) -> list[tuple[str, bytes]]:
    return [(str(path.relative_to(data)), path.read_bytes()) for path in data.rglob("*") if path.is_file()]


async def _keep_files(dsn: str, data: Path) -> None:
    files = _read_files(data)
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(_FILES)
        await connection.executemany("INSERT INTO bench_file (path, content) VALUES ($1, $2)", files)
    finally:
        await connection.close()
