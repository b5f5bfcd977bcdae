"""The disk of the real database is full: nothing is signed twice or lost, the log says why, and goes on by itself."""

import asyncio
import contextlib
import os
import resource
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import psutil
import pytest
from structlog.testing import capture_logs

from deploy.embedded import EmbeddedDatabase, keeper, open_database
from deploy.embedded.folders import Folders
from deploy.embedded.processes import read_pid_file
from deploy.migrate import migrate
from directory.errors import DirectoryUnavailable
from directory.store.database import Database
from federation.own_log import sequencer_task as sequencing
from federation.own_log.sequencer_task import SequencerTask
from tests.deploy.embedded.programs import copy_cluster, execute
from tests.federation.log_harness import LogHarness
from tests.harness.clock import FakeClock
from tests.harness.postgres import FAST_SETTINGS

WAL_SEGMENT_BYTES: Final = 16 * 1024 * 1024
SMALL_BYTES: Final = 64 * 1024
DISK_MB: Final = 160
PATIENCE_S: Final = 90
PEOPLE: Final = 1_500
"""Their bodies take more than 64 pages. By so many PostgreSQL may have extended a table beyond what it needed, and nothing has to
grow for fewer people."""
SETTINGS: Final = FAST_SETTINGS | {
    "synchronous_commit": "on",
    "shared_buffers": "32MB",
    "max_wal_size": "48MB",
}
"""What is committed outlives the server, as it does in an instance."""
SPARE_PIECES: Final = {"min_wal_size": "48MB"}
"""Pieces of write-ahead log are kept for later: a server that needs a new one on a full disk ends, whatever else could not be
written."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BATCH_EVERY_S", "STAND_BY_S", "DOUBT_S"):
        monkeypatch.setattr(sequencing, name, 0.02)
    for name in ("LOOK_EVERY_S", "AFTER_FAILURE_S"):
        monkeypatch.setattr(keeper, name, 0.02)


def servers(data: Path) -> list[psutil.Process]:
    """The server, if it lives, and all of its children."""
    said = read_pid_file(Folders(data).cluster)
    if said is None or not psutil.pid_exists(said.pid):
        return []
    postmaster = psutil.Process(said.pid)
    return [postmaster, *postmaster.children()]


def limit_files(data: Path, size: int) -> None:
    """Files of the server may grow so far; what is there stays."""
    for process in servers(data):
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError), acting_as(process):
            _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, hard))


@contextmanager
def acting_as(process: psutil.Process) -> Iterator[None]:
    """Whose a process is may limit it; in a container, nobody else, not even root."""
    os.setresgid(process.gids().real, -1, -1)
    os.setresuid(process.uids().real, -1, -1)
    try:
        yield
    finally:
        os.setresuid(os.geteuid(), -1, -1)
        os.setresgid(os.getegid(), -1, -1)


@contextmanager
def limited_files(data: Path) -> Iterator[None]:
    """The server's files may not grow beyond one piece of write-ahead log, until somebody lifts that: those of
    tables cannot grow."""
    limit_files(data, WAL_SEGMENT_BYTES)
    yield


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """A file takes all the room there is."""
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        for size in (1024 * 1024, 4096):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
    yield
    filler.unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of its own, in memory."""
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0755", "tmpfs", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


def may_mount() -> bool:
    """Whether this user, here, may have such a disk. A limit on files is there for everybody."""
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder)):
                return True
        except subprocess.CalledProcessError:
            return False


WAYS: Final = ["limit", "disk"] if may_mount() else ["limit"]


@pytest.fixture
def place(request: pytest.FixtureRequest, public_folder: Path) -> Iterator[Path]:
    """Where the data lies: on a disk that can be filled, or anywhere."""
    if request.param == "disk":
        with small_disk(public_folder) as disk:
            yield disk
    else:
        yield public_folder


class Instance:
    """A log over a database whose server may fail, and the sequencer's task."""

    def __init__(self, database: Database, data: Path) -> None:
        self.harness = LogHarness(database, data, FakeClock())

    async def begin(self, dsn: str, at_last: str) -> None:
        """People who answer, and more who wait; `log_statement` is as large as a file may become, by dead rows."""
        await self.harness.add_pending(5)
        await self.harness.run()
        await execute(
            dsn,
            "INSERT INTO log_statement (leaf, salt, body) SELECT 1000000 + n, '', sha256(n::text::bytea) ||"
            " decode(repeat(md5(n::text), 118), 'hex') FROM generate_series(1, 9000) AS n;"
            "DELETE FROM log_statement WHERE leaf >= 1000000",
        )
        await execute(dsn, at_last)
        await self.harness.add_pending(PEOPLE)

    async def runs_into(self, trouble: AbstractContextManager[None], sentence: str, data: Path) -> None:
        """Says `sentence` while there is `trouble`, signs nothing that is not kept, and goes on by itself."""
        before = await self.harness.state()
        task = SequencerTask(self.harness.database, self.harness.sequencer())
        with capture_logs() as logs:
            running = asyncio.create_task(task.run())
            try:
                try:
                    with trouble:
                        await until(lambda: sentence in (task.waits_for or ""))
                    await until(lambda: self._all_answer(data))
                except TimeoutError:
                    raise AssertionError((task.waits_for, last_words(data), logs)) from None
            finally:
                task.stop()
                await running
        told = [line for line in logs if line["event"] == "the log waits, and goes on by itself"]
        assert any(sentence in line["reason"] for line in told), told
        assert len(told) < 20, "the same is told once"
        errors = [line for line in logs if line["log_level"] in {"error", "critical"}]
        # On a slow machine the database itself is tried again meanwhile, and tells of that.
        assert {line["event"] for line in errors} <= {
            "the database has ended, or cannot be watched, and is tried again"
        }, logs
        assert (await self.harness.state()).signed != before.signed
        await self.harness.check()
        await self.harness.check_history()

    async def _all_answer(self, data: Path) -> bool:
        limit_files(data, resource.RLIM_INFINITY)  # a server may just have been started without room
        try:
            return len(await self.harness.live_leaves()) == self.harness.made
        except DirectoryUnavailable:
            return False


def last_words(data: Path) -> str:
    """What the server told last."""
    newest = max(Folders(data).cluster.parent.rglob("postgres-*.log"), default=None)
    return newest.read_text()[-2_000:] if newest is not None else ""


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def begun(database: EmbeddedDatabase, at_last: str = "CHECKPOINT") -> AsyncIterator[Instance]:
    await migrate(database.dsn)
    opened = await Database.connect(database.dsn, max_connections=3)
    try:
        instance = Instance(opened, database.data_dir)
        await instance.begin(database.superuser_dsn(), at_last)
        yield instance
    finally:
        await opened.close()


@pytest.mark.parametrize(("place", "way"), [(way, way) for way in WAYS], indirect=["place"], ids=WAYS)
def test_no_room_for_rows(made_data_dir: Path, place: Path, way: str) -> None:
    """The server answers, and cannot write what it is asked to."""
    data = place / "data"
    copy_cluster(made_data_dir, data)

    async def live(database: EmbeddedDatabase) -> None:
        async with begun(database, "SELECT pg_switch_wal(); CHECKPOINT") as instance:
            if way == "disk":
                await instance.runs_into(
                    filled(place), "the disk of the database is full: could not extend", data
                )
            else:
                await instance.runs_into(limited_files(data), "File too large", data)

    # Kept running: a machine under load may come to need a piece of write-ahead log before there is room again.
    with open_database(data, SETTINGS | SPARE_PIECES) as database, keeper.kept_running(database):
        asyncio.run(live(database))


def test_no_room_for_the_write_ahead_log(data_dir: Path) -> None:
    """The server panics, and cannot come back before there is room."""

    async def live(database: EmbeddedDatabase) -> None:
        async with begun(database) as instance:
            await instance.runs_into(no_room(data_dir), "the database did not answer", data_dir)

    with open_database(data_dir, SETTINGS) as database, keeper.kept_running(database):
        asyncio.run(live(database))


@contextmanager
def no_room(data: Path) -> Iterator[None]:
    """No file grows beyond a little, neither of this server nor of one that is started meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit_files(data, SMALL_BYTES)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
