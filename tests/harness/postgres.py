"""One PostgreSQL for the whole run of the tests, shared by xdist's workers, and a database for each test.

A plugin (`-p tests.harness.postgres`, in pyproject.toml) with the session fixture `postgres`, a SharedPostgres:

    template = await postgres.template("directory", migrate)    # made once a run; migrate(dsn) fills it
    dsn = await postgres.create_database_from_template("test_x", template)
    await postgres.drop_database("test_x")
    async with postgres.database(template) as dsn: ...          # the two above, with a name of its own

The server is the embedded one, in a temporary folder and without fsync, or the one that
PASSERELLE_TEST_DATABASE_URL names, whose user must be allowed to make databases. Names of databases begin
with the run's own prefix, so that two runs never collide, and what is left at the end of a run is dropped.
"""

import asyncio
import os
import re
import secrets
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from deploy.embedded import open_database
from deploy.embedded.client import ROLE
from deploy.embedded.locks import FileLock, Locks

EXTERNAL_URL: Final = "PASSERELLE_TEST_DATABASE_URL"
FOLDER: Final = "PASSERELLE_TEST_POSTGRES_FOLDER"
RUN: Final = "PASSERELLE_TEST_RUN"
FOLDER_PREFIX: Final = "passerelle-tests-"
ALIVE: Final = "run.lock"
MEMORY: Final = Path("/dev/shm")  # noqa: S108 -- folders are made by mkdtemp
MEMORY_FREE_BYTES: Final = 2 * 1024**3

FAST_SETTINGS: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",  # it could be connected to a template that is to be copied
    "shared_buffers": "128MB",
    "max_wal_size": "256MB",
    "max_connections": "200",
}
_LABEL = re.compile(r"[a-z0-9_]{1,30}", re.ASCII)


class SharedPostgres:
    """A server on which tests make and drop databases."""

    def __init__(self, admin_dsn: str, run: str, owner: tuple[str, str] | None = None) -> None:
        """`admin_dsn` may make databases; `owner` is the role that owns them and its address, if it is another."""
        self._admin_dsn = admin_dsn
        self._owner = owner[0] if owner else None
        self._owner_dsn = owner[1] if owner else admin_dsn
        self._prefix = f"passerelle_test_{run}_"
        self._templates: set[str] = set()

    def dsn(self, label: str) -> str:
        """Returns the address of the database that was made under this label."""
        return with_database(self._owner_dsn, self._name(label))

    async def template(self, label: str, fill: Callable[[str], Awaitable[object]]) -> str:
        """Makes a template that `fill(dsn)` fills, once a run, by whichever worker comes first. Returns its label."""
        if label not in self._templates:
            async with self._admin() as admin:
                await self._make_template(admin, label, fill)
            self._templates.add(label)
        return label

    async def create_database_from_template(self, label: str, template: str | None = None) -> str:
        """Makes a database, a copy of `template` or empty. Returns its address."""
        async with self._admin() as admin:
            await self._create(admin, label, template)
        return self.dsn(label)

    async def drop_database(self, label: str) -> None:
        """Drops a database and its connections; does nothing where there is none."""
        async with self._admin() as admin:
            await self._drop(admin, label)

    @asynccontextmanager
    async def database(self, template: str | None = None) -> AsyncIterator[str]:
        """Makes a database with a name of its own, dropped at the end of the block."""
        label = f"test_{secrets.token_hex(6)}"
        async with self._admin() as admin:
            await self._create(admin, label, template)
            try:
                yield self.dsn(label)
            finally:
                await self._drop(admin, label)

    async def drop_all(self) -> None:
        """Drops every database of this run."""
        async with self._admin() as admin:
            for (name,) in await admin.fetch(
                "SELECT datname FROM pg_database WHERE starts_with(datname, $1)", self._prefix
            ):
                await self._drop(admin, name.removeprefix(self._prefix))

    def _name(self, label: str) -> str:
        if not _LABEL.fullmatch(label):
            raise ValueError(f"not a label of a test database: {label!r}")
        return self._prefix + label

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self._admin_dsn)
        try:
            yield connection
        finally:
            await connection.close()

    async def _make_template(
        self, admin: asyncpg.Connection, label: str, fill: Callable[[str], Awaitable[object]]
    ) -> None:
        if await self._is_template(admin, label):
            return
        await admin.execute("SELECT pg_advisory_lock(hashtext($1))", self._name(label))
        if not await self._is_template(admin, label):
            await self._drop(admin, label)
            await self._create(admin, label, source=None)
            await fill(self.dsn(label))
            await admin.execute(f"ALTER DATABASE {self._name(label)} IS_TEMPLATE true")

    async def _create(self, admin: asyncpg.Connection, label: str, source: str | None) -> None:
        owner = f" OWNER {self._owner}" if self._owner else ""
        # Files are copied in half the time that the log of a small database takes.
        template = f" TEMPLATE {self._name(source)} STRATEGY file_copy" if source else ""
        await admin.execute(f"CREATE DATABASE {self._name(label)}{owner}{template}")

    async def _drop(self, admin: asyncpg.Connection, label: str) -> None:
        if await self._is_template(admin, label):
            await admin.execute(f"ALTER DATABASE {self._name(label)} IS_TEMPLATE false")
            self._templates.discard(label)
        await admin.execute(f"DROP DATABASE IF EXISTS {self._name(label)} WITH (FORCE)")

    async def _is_template(self, admin: asyncpg.Connection, label: str) -> bool:
        sql = "SELECT datistemplate FROM pg_database WHERE datname = $1"
        return bool(await admin.fetchval(sql, self._name(label)))


def with_database(dsn: str, database: str) -> str:
    """Makes the address of another database on the same server."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[SharedPostgres]:
    """Starts the server that all tests of this run share, when the first test needs it."""
    external = os.environ.get(EXTERNAL_URL)
    if external:
        yield SharedPostgres(external, os.environ[RUN])
        return
    with open_database(Path(os.environ[FOLDER]), FAST_SETTINGS) as database:
        yield SharedPostgres(database.superuser_dsn(), os.environ[RUN], owner=(ROLE, database.dsn))


def pytest_configure(config: pytest.Config) -> None:
    """Names the run, for this process and the workers that it starts; removes what killed runs have left."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # the run ends, and its server with it
    if hasattr(config, "workerinput"):
        return
    for place in (MEMORY, Path(tempfile.gettempdir())):
        for left in place.glob(f"{FOLDER_PREFIX}*"):
            _remove_if_abandoned(left)
    folder = make_folder(FOLDER_PREFIX)
    alive = FileLock(folder / ALIVE)
    alive.try_alone()
    os.environ[RUN] = secrets.token_hex(4)
    os.environ[FOLDER] = str(folder)
    config.add_cleanup(lambda: _end_run(folder, alive))


def make_folder(prefix: str) -> Path:
    """Makes an empty folder that every user can enter; in memory where there is plenty, as disks are slow."""
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_FREE_BYTES
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if in_memory else None))
    folder.chmod(0o755)  # started by root, the server has a user of its own, who must enter it
    return folder


def _end_run(folder: Path, alive: FileLock) -> None:
    external = os.environ.get(EXTERNAL_URL)
    if external:
        asyncio.run(SharedPostgres(external, os.environ[RUN]).drop_all())
    alive.close()
    _remove_if_abandoned(folder)
    for name in (RUN, FOLDER):
        os.environ.pop(name, None)


def _remove_if_abandoned(folder: Path) -> None:
    """Removes the folder of a run that has ended, and stops the server that a killed worker has left in it."""
    if folder.stat().st_uid != os.geteuid() or not (folder / ALIVE).exists():
        return
    alive = FileLock(folder / ALIVE)
    try:
        if alive.try_alone():
            _stop_left_over(folder)
            shutil.rmtree(folder)
    finally:
        alive.close()


def _stop_left_over(folder: Path) -> None:
    if not (folder / "locks").exists():
        return
    locks = Locks.open(folder / "locks")
    is_running = not locks.server.is_free()
    locks.close()
    if is_running:
        open_database(folder).close()
